"""A call that is made in parts leaves nothing in memory, whether it ends or is stopped."""


def testNothingThatWasWorkedOnInPartsStaysInMemory(slicerHost):
    import gc
    import weakref

    from RadiologyCNNLib.PartwiseCall import PartwiseCall

    class Scan:
        parts = 0

        def step(self):
            self.parts += 1
            return self.parts == 3

    for stopped in (False, True):
        scan, ended = Scan(), []
        call, seen, gone = PartwiseCall(scan.step, ended.append), weakref.ref(scan), []
        call._timer.connect("destroyed()", lambda gone=gone: gone.append(True))
        if stopped:
            call.stop()
        else:
            assert slicerHost.process_events(10, until=lambda ended=ended: ended) and ended == [None]
            assert scan.parts == 3
        del scan
        gc.collect()
        assert seen() is None
        slicerHost.process_events(0.05)
        assert len(ended) == (not stopped)
        assert gone
        call.stop()  # there is nothing left to be stopped
