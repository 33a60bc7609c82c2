"""A signal of the panels tells everybody once, even where one of them fails."""

import logging

from RadiologyCNNLib.Signal import Signal


def test_signal_tells_everybody_even_where_one_fails(caplog):
    heard = []
    signal = Signal("value")

    def fail(value):
        raise ValueError(value)

    signal.connect(fail)
    signal.connect(heard.append)
    signal.connect(heard.append)
    with caplog.at_level(logging.ERROR):
        signal.emit(1)
    assert heard == [1]
    assert "ValueError" in caplog.text
    signal.disconnect(heard.append)
    signal.disconnect(heard.append)
    signal.emit(2)
    assert heard == [1]
    caplog.clear()  # elsewhere such a message fails the test
