"""The methods that the two papers compare their networks with, each a trained competitor behind one interface."""
