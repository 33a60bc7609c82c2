"""Reader studies: people classify the scans of a folder against the clock, and are compared with the network.

After Shim 2020, "Evaluation of the diagnostic performance of human readers". What the Slicer panel needs (study,
answers, reading, marks) is light; the comparison needs SciPy.
"""
