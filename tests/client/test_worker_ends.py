"""When a worker ends, and what leaves before: budget, GPU, full disk; when it connects anew."""

import errno
import threading
from pathlib import Path

import pytest
import torch
from conftest import Coordinator
from fedcmr_client.failures import GpuFailed
from fedcmr_client.gate import Site
from fedcmr_client.settings import SiteFolder, SiteSettings
from fedcmr_client.worker import Worker
from flwr.app import ConfigRecord, Context, Message, RecordDict
from flwr.clientapp import ClientApp
from site_files import exchange, opened

from fedcmr.errors import DataError, FedcmrError, PolicyRefusal
from fedcmr.privacy.budget import BudgetExhausted
from fedcmr.privacy.chain import walk

DIGEST = "ab" * 32


class Started:
    """A worker in a thread, whose application raises `error`."""

    def __init__(self, coordinator: Coordinator, error: BaseException) -> None:
        self.link = coordinator.link
        self.folder = SiteFolder(coordinator.key.parent, SiteSettings(name="one", server="a:1"))
        self.site: Site = opened(self.folder)
        self.error = error
        self.ended: list[FedcmrError] = []
        app = ClientApp()
        app.train()(self.answer)
        self.worker = Worker(coordinator.address, coordinator.ca, coordinator.key, app, self.site)
        self.thread = threading.Thread(target=self.work)

    def answer(self, message: Message, context: Context) -> Message:
        if self.error is not None:
            raise self.error
        return Message(message.content, reply_to=message)

    def work(self) -> None:
        try:
            self.worker.work(wait=False)
        except FedcmrError as error:
            self.ended.append(error)

    def join(self) -> None:
        """Return once the site is connected."""
        if not self.thread.is_alive():
            self.thread.start()
        while self.link.online() != ["one"]:
            assert self.thread.is_alive()

    def ask(self) -> str:
        """Return the reason of the refusal."""
        self.join()
        content = RecordDict({"config": ConfigRecord({"round": 1})})
        return exchange(self.link, content).refusal

    def stop(self) -> None:
        self.worker.stop.set()
        self.thread.join()


@pytest.mark.parametrize(
    ("error", "kind", "code", "reason"),
    [
        (BudgetExhausted("the budget does not reach", where="/x"), BudgetExhausted, 6, "budget"),
        (torch.AcceleratorError("CUDA error: /home/doe"), GpuFailed, 1, "GPU error"),
    ],
)
def test_the_coordinator_is_told_before_the_worker_ends(
    coordinator: Coordinator, error: Exception, kind: type[FedcmrError], code: int, reason: str
) -> None:
    started = Started(coordinator, error)
    with coordinator.link.run():
        told = started.ask()
        started.thread.join()
    assert reason in told
    assert "/" not in told
    [ended] = started.ended
    assert isinstance(ended, kind)
    assert ended.exit_code == code


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (torch.OutOfMemoryError("tried to allocate for /home/doe"), "out of memory"),
        (MemoryError(), "out of memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "out of memory"),
        (OSError(errno.ENOSPC, "No space left", "/home/doe"), "disk full"),
    ],
    ids=["GPU", "host", "torch on a CPU", "disk"],
)
def test_a_fault_of_the_machine_is_one_clear_line_and_the_worker_goes_on(
    coordinator: Coordinator,
    error: Exception,
    reason: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    started = Started(coordinator, error)
    with coordinator.link.run():
        assert started.ask() == f"the site could not answer: {reason}"
        started.error = None
        assert started.ask() == ""
        started.stop()
    assert not started.ended


def test_nothing_leaves_that_cannot_be_written_down(
    coordinator: Coordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = Started(coordinator, PolicyRefusal("no"))
    monkeypatch.setattr(started.site.outbound._chain, "path", Path("/dev/full"))
    with coordinator.link.run():
        started.join()
        parcel = coordinator.link.keep(RecordDict({}))
        sent = coordinator.link.send("one", parcel, "train", ttl_s=60)
        started.thread.join()
        assert coordinator.link.answer(sent) is None
    [ended] = started.ended
    assert isinstance(ended, DataError)
    assert "cannot write" in str(ended)
    monkeypatch.undo()
    assert walk(started.folder.outbound, lambda entry: None).lines == 0


def test_a_worker_whose_run_was_approved_connects_anew(coordinator: Coordinator) -> None:
    started = Started(coordinator, PolicyRefusal("no"))
    with coordinator.link.run():
        started.ask()
        before = coordinator.link.connection("one")
        with pytest.raises(PolicyRefusal, match="waits for approval"):
            started.site.approvals.demand(DIGEST, lambda: "page", ask=True)
        started.site.approvals.decide(DIGEST, "approved")
        while coordinator.link.connection("one") == before:
            assert started.thread.is_alive()
        started.stop()
    assert not started.ended
