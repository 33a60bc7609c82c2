"""Signal: tells whoever asked for it, in plain Python, so that what emits it runs and is tested without Qt."""

import logging
import traceback


class Signal:
    """A list of functions that are called in the order in which they were connected.

    An exception in one of them is logged and keeps nobody else from being told, as with Qt's slots.
    """

    def __init__(self, *argumentNames):
        self.argumentNames = argumentNames
        self._functions = []

    def connect(self, function):
        """Call the function at every emit; connecting it twice calls it once."""
        if function not in self._functions:
            self._functions.append(function)

    def disconnect(self, function=None):
        """Stop calling the function, or all functions; one that was not connected is no error."""
        self._functions = [] if function is None else [known for known in self._functions if known != function]

    def emit(self, *arguments):
        """Call all functions that are connected now, also where one of them disconnects others meanwhile."""
        for function in list(self._functions):
            if function in self._functions:
                try:
                    function(*arguments)
                except Exception:
                    logging.error("A function connected to a signal failed:\n%s", traceback.format_exc())
