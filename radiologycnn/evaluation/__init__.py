"""How good a result is: metrics against a reference, agreement between raters, and the papers' statistical tests.

Functions take plain arrays or numbers, one a case, and know nothing of networks: any program's results can be judged.
"""
