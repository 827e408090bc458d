"""The loop of a running site: receive, answer, send; reconnect when the network comes back."""

import gc
import logging
import math
import threading
import time
from collections.abc import Callable
from pathlib import Path

from flwr.app import Context, Error, Message, RecordDict
from flwr.common.constant import ErrorCode

from fedcmr.errors import FedcmrError, NetworkError, PolicyRefusal
from fedcmr.memory import give_back, held_memory
from fedcmr.privacy.budget import BudgetExhausted
from fedcmr_client.approval import NotApproved
from fedcmr_client.failures import GpuFailed, fault_of
from fedcmr_client.gate import Site
from fedcmr_client.keys import load_site_key
from fedcmr_client.link import Connection, connect
from fedcmr_client.outbox import kind_of, outgoing
from fedcmr_client.packed import Packed

log = logging.getLogger("fedcmr")

FIRST_PAUSE_S, LAST_PAUSE_S = 0.1, 1.0
"""Pause between two empty answers: short after a message, long when nothing happens."""

Answer = Callable[[Message, Context], Message]
"""A ClientApp, as the worker sees it."""

LAST_RETRY_S = 30.0
"""Longest pause between two attempts to reconnect."""

QUIET_S = 60.0
"""From the last message until memory that is free goes back to the system."""


class Worker:
    """Answers the coordinator's messages with a ClientApp."""

    def __init__(self, server: str, ca: Path, key: Path, app: Answer, site: Site) -> None:
        self._server = server
        self._ca = ca
        self._key = load_site_key(key)
        self._app = app
        self._site = site
        self._runs_without_code: set[int] = set()
        self.stop = threading.Event()
        """Ends `work` from another thread."""

    def work(self, *, wait: bool) -> None:
        """Work until `stop` is set or the process ends.

        Args:
            wait: keep trying when the first connection fails.

        Raises:
            NetworkError: the first connection failed and `wait` is not set.
            BudgetExhausted: the privacy budget did not reach; the coordinator was told.
            GpuFailed: only a new process can use the GPU; the coordinator was told.
            DataError: the outbound ledger cannot be written, so that nothing may leave.
        """
        retry_s = 1.0
        gc.collect()
        gc.freeze()  # the libraries are searched for garbage no more: a search takes milliseconds
        while not self.stop.is_set():
            try:
                with connect(self._server, self._ca, self._key) as connection, held_memory():
                    log.info("connected to %s", self._server)
                    wait, retry_s = True, 1.0
                    self._serve(connection)
            except NetworkError as error:
                if not wait:
                    raise
                log.warning("%s; next attempt in %.0f s", error, retry_s)
                self.stop.wait(retry_s)
                retry_s = min(2 * retry_s, LAST_RETRY_S)

    def _serve(self, connection: Connection) -> None:
        pause_s, last = FIRST_PAUSE_S, math.inf
        while not self.stop.is_set():
            if self._site.approvals.approved_meanwhile():
                log.info("a run was approved: connecting anew, so that it is offered again")
                return
            asked = time.monotonic()
            message = connection.receive()
            if message is None:
                if time.monotonic() - last > QUIET_S:
                    last = math.inf
                    give_back()
                if time.monotonic() - asked > LAST_PAUSE_S:
                    continue  # the coordinator has held the question
                self.stop.wait(pause_s)
                pause_s = min(1.2 * pause_s, LAST_PAUSE_S)
                continue
            pause_s = FIRST_PAUSE_S
            self._reply(connection, message)
            del message
            gc.collect()  # messages are reference cycles, with the weights in them
            last = time.monotonic()

    def _reply(self, connection: Connection, message: Message) -> None:
        start = time.monotonic()
        reply, problem = self._answer(connection, message)
        packed = Packed(reply)
        note = outgoing(message, reply, packed.size)
        self._site.outbound.write(note)
        connection.send(packed, time.monotonic() - start)
        kind = "a refusal" if reply.has_error() else f"the answer to {note.kind}"
        log.info("sent %s, %.2f MB", kind, note.bytes / 1e6)
        if isinstance(problem, BudgetExhausted | GpuFailed):
            raise problem

    def _answer(
        self, connection: Connection, message: Message
    ) -> tuple[Message, FedcmrError | None]:
        run_id = message.metadata.run_id
        context = Context(run_id, connection.node_id, {}, RecordDict(), {})
        try:
            self._refuse_code(connection, run_id)
            return self._app(message, context), None
        except NetworkError:
            raise
        except FedcmrError as error:
            problem = error
        except Exception as error:
            fault = fault_of(error)
            if fault is None:
                # What an unforeseen error says may name files or values of this site.
                log.exception("could not answer %s", kind_of(message))
                reason = "internal error; its text stays in the site's log"
                code = ErrorCode.CLIENT_APP_RAISED_EXCEPTION
                return Message(Error(code, reason), reply_to=message), None
            problem = fault
        level = logging.WARNING if isinstance(problem, NotApproved) else logging.ERROR
        log.log(level, "refused %s: %s", kind_of(message), problem)
        refusal = Error(ErrorCode.MOD_FAILED_PRECONDITION, problem.what)
        return Message(refusal, reply_to=message), problem

    def _refuse_code(self, connection: Connection, run_id: int) -> None:
        if run_id in self._runs_without_code:
            return
        if bundle := connection.bundle_hash(run_id):
            raise PolicyRefusal(
                f"the run brings a code bundle ({bundle[:12]}); this site runs installed code only"
            )
        self._runs_without_code.add(run_id)
