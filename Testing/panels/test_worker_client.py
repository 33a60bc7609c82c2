"""WorkerClient by itself: whatever the worker does, each job ends once and the panel hears why."""

import json

import pytest
from panels.worker_bench import Bench

from RadiologyCNNLib.WorkerClient import CANCEL_GRACE_SECONDS, RESTARTS_PER_MINUTE, START_SECONDS, WorkerError


@pytest.fixture
def bench():
    return Bench()


def test_requests_wait_until_the_worker_is_ready(bench):
    job = bench.client.request("devices")
    assert (bench.process.starts, bench.process.written) == (1, [])
    bench.sayReady()
    assert bench.process.written == [{"cmd": "devices", "job": job}]
    assert bench.states == ["starting", "busy"]


def test_result_ends_a_job_and_the_client_is_ready_again(bench):
    bench.client.start()
    bench.sayReady()
    job = bench.client.request("devices")
    bench.say(event="progress", job=job, fraction=0.5, stage="Looking", remaining_s=3.0)
    bench.say(event="devices", job=job, devices=[{"id": "cpu", "name": "CPU"}])
    assert bench.told[0] == ("progress", job, 0.5, "Looking", 3.0)
    assert bench.told[1][:2] == ("result", job)
    assert bench.told[1][2]["devices"][0]["id"] == "cpu"
    assert bench.states == ["starting", "ready", "busy", "ready"]


def test_messages_may_come_in_any_pieces_of_bytes(bench):
    job = bench.client.request("segment")
    bench.sayReady()
    line = json.dumps({"event": "progress", "job": job, "fraction": 0, "stage": "Größe"}, ensure_ascii=False).encode()
    for byte in line + b"\n" + line + b"\n":
        bench.process.onBytes(bytes([byte]))
    assert [told[3] for told in bench.told] == ["Größe", "Größe"]


def test_what_is_no_message_is_logged_and_passed_over(bench):
    logged = []
    bench.client.logged.connect(logged.append)
    bench.client.start()
    bench.process.onBytes(b"hello from a library\n\xff\xfe\n[1]\n")
    bench.sayReady()
    assert logged[0] == "hello from a library"
    assert len(logged) == 3
    assert bench.client.state == "ready"


def test_error_of_a_job_reaches_the_panel_as_sentences(bench):
    job = bench.client.request("segment")
    bench.sayReady()
    bench.say(event="error", job=job, code="disk-full", message="The disk is full.", hint="Free it.", details="Trace")
    assert bench.told == [("failed", job, WorkerError("disk-full", "The disk is full.", "Free it.", "Trace"))]
    assert bench.client.state == "ready"


def test_cancel_asks_first(bench):
    job = bench.client.request("segment")
    bench.sayReady()
    bench.client.cancel(job)
    bench.client.cancel(job)
    assert bench.commands() == ["segment", "cancel"]
    bench.say(event="cancelled", job=job)
    bench.scheduler.passTime(60)
    assert bench.ends(job) == ["cancelled"]
    assert bench.process.killed == []


def test_worker_that_does_not_obey_is_killed_by_its_own_pid_and_started_anew(bench):
    warm = bench.client.request("warm", model="m", device="cpu")
    bench.sayReady(pid=99)
    bench.say(event="result", job=warm)
    job = bench.client.request("segment")
    waiting = bench.client.request("measure")
    bench.client.cancel(job)
    bench.scheduler.passTime(CANCEL_GRACE_SECONDS)
    assert bench.process.killed == [99]
    assert bench.ends(job) == ["cancelled"]
    assert bench.process.starts == 2
    bench.sayReady(pid=100)
    assert bench.commands() == ["measure", "warm"], "what only waited is sent to the new worker, which is warmed again"
    assert bench.ends(waiting) == []
    assert bench.client.pid == 100


def test_result_that_is_faster_than_the_cancel_is_a_cancel(bench):
    job = bench.client.request("segment")
    bench.sayReady()
    bench.client.cancel(job)
    bench.say(event="result", job=job)
    assert bench.ends(job) == ["cancelled"]


def test_progress_after_a_cancel_is_not_shown(bench):
    job = bench.client.request("segment")
    bench.sayReady()
    bench.client.cancel(job)
    bench.say(event="progress", job=job, fraction=0.9, stage="Late")
    assert bench.told == []


def test_cancel_before_the_worker_is_ready(bench):
    job = bench.client.request("segment")
    bench.client.cancel(job)
    bench.sayReady()
    assert bench.ends(job) == ["cancelled"]
    assert bench.process.written == []


def test_death_of_the_worker_fails_its_jobs_with_its_last_words(bench):
    job = bench.client.request("segment")
    bench.sayReady()
    bench.process.onErrorBytes(b"line one\nFatal Python error: Abor")
    bench.process.onErrorBytes(b"ted")
    bench.process.isRunning = False
    bench.client.onFinished(-1)
    error = bench.told[0][2]
    assert bench.ends(job) == ["failed"]
    assert error.code == "worker-died"
    assert "memory" in error.hint
    assert error.details.endswith("line one\nFatal Python error: Aborted")
    assert bench.process.starts == 2


def test_jobs_that_waited_behind_one_whose_gpu_failed_are_given_to_the_next_worker(bench):
    first, given, waiting = (bench.client.request(name) for name in ("segment", "prepare", "measure"))
    bench.sayReady()
    bench.client.cancel(given)
    bench.say(event="error", job=first, code="gpu-failed", message="The GPU stopped answering.", hint="Try again.")
    assert bench.ends(first) == ["failed"]
    bench.process.isRunning = False
    bench.client.onFinished(1)
    assert (bench.ends(given), bench.ends(waiting), bench.process.starts) == (["cancelled"], [], 2)
    bench.sayReady()
    assert bench.process.written == [{"cmd": "measure", "job": waiting}]
    bench.client.onFinished(1)  # that one died of something else
    assert bench.ends(waiting) == ["failed"]


def test_jobs_are_not_given_on_where_gpu_after_gpu_fails(bench):
    jobs = [bench.client.request("segment") for _ in range(RESTARTS_PER_MINUTE + 3)]
    for job in jobs[: RESTARTS_PER_MINUTE + 1]:
        bench.sayReady()
        bench.say(event="error", job=job, code="gpu-failed", message="The GPU stopped answering.")
        bench.client.onFinished(1)
    assert bench.client.state == "stopped"
    assert [bench.ends(job) for job in jobs] == [["failed"]] * len(jobs)


def test_worker_that_keeps_dying_is_left_alone_until_somebody_asks(bench):
    bench.client.start()
    for _ in range(RESTARTS_PER_MINUTE + 1):
        bench.sayReady()
        bench.client.onFinished(1)
    assert bench.client.state == "stopped"
    starts = bench.process.starts
    bench.client.request("devices")
    assert bench.process.starts == starts + 1


def test_worker_that_dies_at_once_is_not_started_in_a_circle(bench):
    job = bench.client.request("devices")
    bench.process.onErrorBytes(b"No module named radiologycnn\n")
    bench.client.onFinished(1)
    assert bench.process.starts == 1
    assert "No module named radiologycnn" in bench.told[0][2].details
    assert bench.ends(job) == ["failed"]


def test_program_that_cannot_be_started(bench):
    job = bench.client.request("devices")
    bench.client.onFailedToStart("no such file")
    assert bench.told[0][2].code == "worker-not-started"
    assert bench.ends(job) == ["failed"]
    assert bench.client.state == "stopped"


def test_worker_that_never_gets_ready_is_ended(bench):
    bench.client.request("devices")
    bench.scheduler.passTime(START_SECONDS)
    assert bench.process.killed == [None]


def test_panel_may_ask_for_the_next_job_from_inside_a_signal(bench):
    job = bench.client.request("devices")
    again = []
    bench.client.failed.connect(lambda *_: again.append(bench.client.request("devices")))
    bench.sayReady()
    bench.client.onFinished(1)
    bench.sayReady()
    bench.say(event="devices", job=again[0], devices=[])
    assert bench.ends(job) == ["failed"]
    assert bench.ends(again[0]) == ["result"]


def test_stop_is_polite_first(bench):
    job = bench.client.request("segment")
    bench.sayReady()
    bench.client.stop()
    assert bench.commands()[-1] == "quit"
    assert bench.process.inputIsClosed
    assert bench.process.killed == []
    assert bench.ends(job) == ["cancelled"]
    bench.client.onFinished(0)
    assert (bench.client.state, bench.process.starts) == ("stopped", 1)


def test_stop_uses_force_where_politeness_fails(bench):
    bench.client.start()
    bench.sayReady(pid=99)
    bench.process.obeysQuit = False
    bench.client.stop()
    assert bench.process.killed == [99]
    assert bench.client.state == "stopped"
