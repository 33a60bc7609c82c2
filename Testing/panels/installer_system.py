"""Slicer as the installer sees it, with questions and installations that go as the test says."""

import importlib


class FakeSystem:
    """Slicer, as the installer sees it, with an installation that goes as the test says."""

    def __init__(self):
        self.answer = True
        self.questions = []
        self.installed = []
        self.hasTorchExtension = True
        self.output = "Collecting things"
        self.error = None
        self.torchError = None
        self.otherPython = False
        self.testing = False
        self.busy = False
        self.gpu = False
        self.trainable = True
        self.afterInstall = lambda: None

    def usesOtherPython(self):
        return self.otherPython

    def isTesting(self):
        return self.testing

    def hasNvidiaGpu(self):
        return self.gpu

    def canTrain(self):
        return self.trainable

    def isInstallerBusy(self):
        return self.busy

    def confirm(self, question):
        self.questions.append(question)
        return self.answer(question) if callable(self.answer) else self.answer

    def pipInstall(self, requirements):
        self.installed += requirements
        print(self.output)
        if self.error is not None:
            raise self.error
        self.afterInstall()

    def torchInstaller(self):
        return self._installTorch if self.hasTorchExtension else None

    def _installTorch(self):
        self.installed.append("torch")
        print(self.output)
        if self.torchError is not None:
            raise self.torchError
        self.afterInstall()
        importlib.import_module("torch")  # as the PyTorch extension does after it has installed torch

    def installExtension(self, name):
        self.installed.append(f"extension {name}")
        return True
