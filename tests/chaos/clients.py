"""Many clients at once: they submit, repeat, watch, cancel and delete as the plan says."""

import random
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from tests.chaos.agenda import Agenda
from tests.chaos.caller import Abandoned, Answer, Caller
from tests.chaos.dropping import lay, place
from tests.chaos.ledger import Account, Ledger, View
from tests.chaos.pictures import picture
from tests.chaos.workload import BATCHES

SUBMITTERS, ACTORS, WATCHERS = 8, 4, 12
ENDED = frozenset({"succeeded", "failed", "canceled", "expired"})
FORBIDDEN_URL = "http://10.1.2.3/picture.png"


class Clients:
    """The threads of all clients."""

    def __init__(
        self,
        caller: Caller,
        ledger: Ledger,
        receiver: str,
        drops: Path | None,
        may_submit: Callable[[], bool],
        seed: int,
    ) -> None:
        self._caller, self._ledger, self._receiver, self._drops = caller, ledger, receiver, drops
        self._may_submit = may_submit
        self._acts, self._watches = Agenda(), Agenda()
        self._chance = random.Random(f"clients {seed}")
        self._orders = iter([account.order for account in ledger.accounts.values()])
        self._picking = threading.Lock()
        self._threads = [
            *(threading.Thread(target=self._submit_all) for _ in range(SUBMITTERS)),
            *(threading.Thread(target=self._follow, args=(self._acts,)) for _ in range(ACTORS)),
            *(
                threading.Thread(target=self._follow, args=(self._watches,))
                for _ in range(WATCHERS)
            ),
        ]
        self.errors: list[str] = []

    def start(self) -> None:
        for thread in self._threads:
            thread.daemon = True
            thread.start()

    @property
    def submitting(self) -> bool:
        """Whether orders are left, or on their way."""
        return any(thread.is_alive() for thread in self._threads[:SUBMITTERS])

    @property
    def acting(self) -> bool:
        """Whether anything is still to be asked for."""
        return self.submitting or not self._acts.empty

    @property
    def watching(self) -> bool:
        return not self._watches.empty

    def stop(self) -> None:
        """No more calls: what is not answered by now is not."""
        self._caller.over.set()
        for thread in self._threads:
            thread.join()

    def _submit_all(self) -> None:
        while not self._caller.over.is_set():
            if not self._may_submit():
                time.sleep(0.05)
                continue
            with self._picking:
                order = next(self._orders, None)
            if order is None:
                return
            self._do(partial(self._begin, self._ledger.accounts[order.number]))

    def _follow(self, agenda: Agenda) -> None:
        while not self._caller.over.is_set():
            act = agenda.take(0.2)
            if act:
                self._do(act)
                agenda.done()

    def _do(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Abandoned as reason:
            self.errors.append(f"never answered: {reason}")
        except Exception as error:  # the suite's own fault: told, so that nothing passes unseen
            self.errors.append(f"{type(error).__name__}: {error}")

    def _begin(self, account: Account) -> None:
        order = account.order
        self._send(account)
        self._ledger.accept()
        if order.repeats and order.way != "drop":
            self._acts.add(self._chance.uniform(0, 5), partial(self._send, account))
        if order.way == "drop":
            if order.act:
                self._acts.add(order.after, partial(self._find_drop, account))
            return
        if account.id is None:
            return
        if order.act:
            act = self._cancel if order.act == "cancel" else self._delete
            self._acts.add(order.after, partial(act, account, account.id))
        if order.watched:
            self._watches.add(0.0, partial(self._watch, account, account.id, ""))

    def _send(self, account: Account) -> None:
        ways = {
            "job": self._post,
            "upload": self._upload,
            "ticket": self._ticket,
            "drop": self._drop,
        }
        ways[account.order.way](account)

    def _post(self, account: Account, given: dict[str, Any] | None = None) -> None:
        order = account.order
        if given is None:
            given = {"image": {"url": FORBIDDEN_URL}} if order.poison == "forbidden_url" else {}
        body = {**order.options(self._receiver), "input": given}
        begun = time.monotonic()
        self._learn(account, self._caller.post("/v1/jobs", body, order.key), begun)

    def _upload(self, account: Account) -> None:
        """First the picture, then the job that names it."""
        data = picture(account.order)
        body = {"content_type": "image/png", "size": len(data)}
        ticket = self._put(account, body, data)
        if ticket:
            self._post(account, {"image": {"upload": ticket["id"]}})

    def _ticket(self, account: Account) -> None:
        """The job comes with the ticket, and starts when the picture has come."""
        order, data = account.order, picture(account.order)
        body = {"content_type": "image/png", "size": len(data)}
        job = order.options(self._receiver)
        self._put(account, {**body, "job": job}, b"" if order.withheld else data)

    def _put(self, account: Account, body: dict[str, Any], data: bytes) -> dict[str, Any] | None:
        """The ticket, once its picture is stored; a URL that has died is replaced."""
        while True:
            answer = self._caller.post("/v1/uploads", body, account.order.key)
            if answer.status == 410 and account.delete_sent:
                return None  # the upload went with its last job
            if answer.status != 201:
                self._wonder(account, "upload", answer)
                return None
            ticket: dict[str, Any] = answer.json
            if ticket["job_id"]:
                account.ids.add(ticket["job_id"])
            if not data:
                return ticket
            stored = self._caller.call("PUT", ticket["url"], data, ticket["headers"])
            if stored.status in (200, 412):
                return ticket
            if stored.status != 403:
                self._wonder(account, "PUT", stored)
                return None
            time.sleep(1.0)

    def _drop(self, account: Account) -> None:
        """Until there is room for it."""
        assert self._drops is not None
        order = account.order
        folder = self._drops / order.batch
        while True:
            try:
                if order.batch not in BATCHES:
                    lay(folder, order.options(self._receiver))
                place(folder / f"{order.number}.png", picture(order))
                return
            except OSError:  # the disk is full
                if self._caller.over.wait(0.5):
                    raise Abandoned(f"drop {order.number}") from None

    def _find_drop(self, account: Account) -> None:
        """Which job a file has become that lies alone in its folder."""
        found = self._caller.get(f"/v1/jobs?batch={account.order.batch}").json["items"]
        account.ids.update(job["id"] for job in found)
        if not account.ids:
            self._acts.add(1.0, partial(self._find_drop, account))
        elif account.id:
            self._delete(account, account.id)

    def _learn(self, account: Account, answer: Answer, begun: float) -> None:
        if answer.status == 202:
            job = answer.json
            account.ids.add(job["id"])
            account.views.append(View.of(job, begun, time.monotonic()))
        elif not (answer.status == 410 and account.delete_sent):
            self._wonder(account, "POST", answer)

    def _cancel(self, account: Account, job_id: str) -> None:
        answer = self._caller.post(f"/v1/jobs/{job_id}/cancel")
        account.canceled = answer.status in (200, 202)
        if not account.canceled and answer.status != 409:
            self._wonder(account, "cancel", answer)

    def _delete(self, account: Account, job_id: str) -> None:
        account.delete_sent = True
        answer = self._caller.delete(f"/v1/jobs/{job_id}")
        account.deleted = answer.status in (204, 410)
        if not account.deleted:
            self._wonder(account, "DELETE", answer)

    def _watch(self, account: Account, job_id: str, tag: str) -> None:
        begun = time.monotonic()
        path = f"/v1/jobs/{job_id}" + self._chance.choice(("", "", "?wait=2", "?wait=5"))
        answer = self._caller.get(path, **({"If-None-Match": tag} if tag else {}))
        if answer.status == 200:
            account.views.append(View.of(answer.json, begun, time.monotonic()))
        elif answer.status == 410 and account.delete_sent:
            return
        elif answer.status != 304:
            self._wonder(account, "GET", answer)
            return
        if account.views[-1].status not in ENDED:
            again = partial(self._watch, account, job_id, answer.headers.get("etag", ""))
            self._watches.add(self._chance.uniform(0.5, 3.0), again)

    def _wonder(self, account: Account, what: str, answer: Answer) -> None:
        account.odd.append(f"{what} was answered {answer.status} {answer.body[:200]!r}")
