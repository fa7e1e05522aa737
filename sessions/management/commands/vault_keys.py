"""The key ceremony at the vault's own machine: make the key, print its shares, restore it, prove the restore."""

import secrets
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError

from sessions.allocation import ceremony
from sessions.allocation.key_models import KeyShareSet
from sessions.allocation.key_shares import HOLDERS, NEEDED, KeyShare, read_share
from sessions.allocation.sealing import fingerprint, make_key_pair
from studyportal import clock
from studyportal.audit.context import acting
from studyportal.documents import render_pdf
from studyportal.errors import InvalidInput, StudyError

MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of the memory, which no disk keeps; each sheet gets a folder of its own
TRIES = 3


class Command(BaseCommand):
    """`./portal manage vault_keys ACTION`, with the vault's login.

    generate      make the key pair, before the first start
    shares        split the key and print a sheet for each of three holders; an earlier set is void
    test-restore  prove from two shares that the key opens what is sealed; recorded, nothing is written
    restore       write the key from two shares, where it was lost
    status        the holders and the last test
    """

    help = "Make the vault's key, issue its shares, restore it, prove the restore."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the action, the holders and who runs it."""
        parser.add_argument("action", choices=sorted(self._actions()))
        parser.add_argument("--holder", action="append", default=[], help="full name of a holder; three times")
        parser.add_argument("--by", default="", help="full name of whoever runs this, for the record")
        parser.add_argument("--folder", type=Path, help="where a sheet lies while it is printed; memory if not said")
        parser.add_argument("--to", type=Path, help="where restore writes; where the vault reads its key if not said")

    def handle(self, **options: Any) -> None:
        """Do it, and say what to do next."""
        if settings.PORTAL_DOOR != "vault":
            raise CommandError("Only the vault's process does this: set PORTAL_PROCESS=vault.")
        try:
            with acting("system:vault_keys"):
                self._actions()[options["action"]](options)
        except OperationalError:
            raise CommandError("The database does not answer. Start the portal, and run this beside it.") from None
        except StudyError as error:
            raise CommandError(error.message) from None

    def _actions(self) -> dict[str, Callable[[dict[str, Any]], None]]:
        return {
            "generate": self._generate, "shares": self._shares, "restore": self._restore,
            "test-restore": self._test_restore, "status": self._status,
        }  # fmt: skip

    def _generate(self, options: dict[str, Any]) -> None:
        del options
        private, public = Path(settings.PORTAL_VAULT_KEY_FILE), Path(settings.PORTAL_VAULT_PUBLIC_KEY_FILE)
        for path in (private, public):
            if path.exists():
                msg = f"There is a key at {path} already. Lists may be sealed to it, so nothing was changed."
                raise CommandError(msg)
        private.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        make_key_pair(private, public)
        self.stdout.write(
            f"The key {fingerprint(public.read_bytes())} is made. Start the portal, then issue its shares."
        )

    def _shares(self, options: dict[str, Any]) -> None:
        by = _name(options)
        issued = ceremony.issue(holders=options["holder"], issued_by=by)
        self.stdout.write(f"Set {issued.share_set.number} of key {issued.share_set.fingerprint}, issued by {by}.")
        for holder, share in issued.by_holder:
            self._hand_out(holder, share, issued.share_set, options["folder"])
        self.stdout.write(
            f"All {HOLDERS} sheets are handed out and removed here. Earlier sets of this key are void: collect and "
            "destroy their sheets. Now run test-restore with two of the holders."
        )

    def _hand_out(self, holder: str, share: KeyShare, share_set: KeyShareSet, folder: Path | None) -> None:
        """Keep a sheet just as long as it takes to print it."""
        where = folder or (MEMORY if MEMORY.is_dir() else None)
        with tempfile.TemporaryDirectory(prefix="share-", dir=where) as own:
            path = Path(own) / f"share-{share.place}.pdf"
            path.touch(mode=0o600)
            path.write_bytes(sheet(holder, share, share_set))
            self.stdout.write(f"Share {share.place} for {holder}: {path}")
            self._ask("Print it, give it to its holder, and press Enter: the file is overwritten and removed. ")
            path.write_bytes(secrets.token_bytes(path.stat().st_size))

    def _test_restore(self, options: dict[str, Any]) -> None:
        by = _name(options)
        shares = self._typed()
        done = ceremony.prove_restore(shares, tested_by=by)
        self.stdout.write(
            f"The key {done.share_set.fingerprint} was restored in memory from the shares of "
            f"{' and '.join(done.holders)}. It opened the test slot of set {done.share_set.number} and "
            f"{done.slots_opened} sealed slots of the lists; nothing was shown or written. Recorded."
        )

    def _restore(self, options: dict[str, Any]) -> None:
        path = options["to"] or Path(settings.PORTAL_VAULT_KEY_FILE)
        if path.exists():
            msg = f"There is a key at {path} already. Nothing was asked or written."
            raise CommandError(msg)
        try:
            known = ceremony.present_set()
        except OperationalError:  # the database may be gone too: then the public key alone says whether it is right
            known = None
        ceremony.restore_to(self._typed(), path, known=known)
        self.stdout.write(f"The key is at {path}. Start the vault, then issue new shares: these sheets were opened.")

    def _status(self, options: dict[str, Any]) -> None:
        del options
        status = ceremony.status_now()
        self.stdout.write(f"Key {status.fingerprint}")
        if status.share_set is None:
            self.stdout.write("No shares are issued: if this machine is lost, no list can ever be opened.")
            return
        self.stdout.write(
            f"Set {status.share_set.number}, issued {status.share_set.issued_at:%-d %b %Y} by "
            f"{status.share_set.issued_by}: {', '.join(status.share_set.holders)}"
        )
        last = status.last_test
        said = f"{last.tested_at:%-d %b %Y}, {' and '.join(last.holders)}" if last else "never"
        self.stdout.write(f"Restore last tested: {said}{' (overdue)' if status.is_overdue else ''}")

    def _typed(self) -> list[KeyShare]:
        return [self._typed_share(place) for place in range(1, NEEDED + 1)]

    def _typed_share(self, place: int) -> KeyShare:
        """Ask for a share until it is readable; a third mistake ends it."""
        for left in range(TRIES - 1, -1, -1):
            typed = self._ask(f"Words of the {('first', 'second')[place - 1]} share: ")
            try:
                return read_share(typed)
            except InvalidInput as error:
                if not left:
                    raise
                self.stdout.write(error.message)
        raise AssertionError

    def _ask(self, question: str) -> str:
        self.stdout.write(question, ending="")
        self.stdout.flush()
        line = sys.stdin.readline()
        if not line:
            raise CommandError("The input ended. Run this in a terminal.")
        return line.strip()


def sheet(holder: str, share: KeyShare, share_set: KeyShareSet) -> bytes:
    """Return the PDF of one share."""
    facts = [
        ["Holder", holder],
        ["Share", f"{share.place} of {HOLDERS}; {NEEDED} are needed"],
        ["Set", str(share.set_number)],
        ["Key", share_set.fingerprint],
        ["Issued", f"{share_set.issued_at:%-d %b %Y} by {share_set.issued_by}"],
    ]
    data = {"facts": facts, "words": list(share.words)}
    return render_pdf("sessions/templates/allocation/key_share.typ", data, at=clock.now())


def _name(options: dict[str, Any]) -> str:
    name = " ".join(options["by"].split())
    if not name:
        raise CommandError("Say who runs this, for the record: --by 'Full Name'.")
    return name
