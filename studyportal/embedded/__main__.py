"""`./portal up`: the whole portal on this machine, until Ctrl-C."""

import argparse
import os
import sys
import time
from pathlib import Path

from studyportal.embedded.folder import DataFolder, StartError
from studyportal.embedded.programs import REPOSITORY, Program, beat, demo_spectra, door, vault_worker, worker
from studyportal.embedded.supervisor import Supervisor, refuse_used_port

SECRETS = ("admin_password", "web_secret_key", "vault_secret_key", "identity_key")


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="./portal up", description=__doc__)
    parser.add_argument("--port", type=int, default=8000, help="port of the blinded door (8000)")
    parser.add_argument("--vault-port", type=int, default=8001, help="port of the unblinded door (8001)")
    parser.add_argument("--data", type=Path, help="data folder (PORTAL_DATA, else ./data)")
    parser.add_argument(
        "--demo", choices=("full", "small", "none"), default="full", help="demo study in an empty data folder (full)"
    )
    return parser.parse_args(given)


def main(given: list[str] | None = None) -> int:
    """Start, say where, watch, stop."""
    chosen = arguments(given)
    began = time.monotonic()
    # Whatever this process and its children write is their owner's alone: mail, logs, files, static copies.
    os.umask(0o077)
    folder = DataFolder(chosen.data or Path(os.environ.get("PORTAL_DATA", REPOSITORY / "data")))
    os.environ["PORTAL_DATA"] = str(folder.path)
    try:
        refuse_ports(chosen.port, chosen.vault_port)
        folder.open()
        for name in SECRETS:
            folder.secret(name)
        with Supervisor(folder, programs(chosen, folder)) as supervisor:
            run(supervisor, chosen, began)
    except StartError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        folder.close()
    return 0


def refuse_ports(port: int, vault_port: int) -> None:
    """Refuse ports that cannot be used.

    Raises:
        StartError: they are the same, or one is taken.
    """
    if port == vault_port:
        raise StartError("Both doors cannot share a port: choose another one with --vault-port.")
    refuse_used_port(port, "--port")
    refuse_used_port(vault_port, "--vault-port")


def programs(chosen: argparse.Namespace, folder: DataFolder) -> list[Program]:
    """Return what runs, in the order of starting."""
    doors = [door("web", "web", chosen.port, vault_port=chosen.vault_port), door("vault", "vault", chosen.vault_port)]
    demo = [] if chosen.demo == "none" else [demo_spectra()]
    return [worker(), beat(folder.path), vault_worker(), *doors, *demo]


def run(supervisor: Supervisor, chosen: argparse.Namespace, began: float) -> None:
    """Bring everything up, then watch until asked to stop."""
    print("Starting the database and the queue ...", flush=True)
    supervisor.start_services()
    supervisor.run_once("owner", "prepare")
    if chosen.demo != "none" and not supervisor.holds_studies():
        supervisor.run_once("web", "demo", "--size", chosen.demo)
    supervisor.start("web", "vault")
    supervisor.wait_for(chosen.port)
    supervisor.wait_for(chosen.vault_port)
    supervisor.start("vault-worker", "worker", "beat", "demo")
    print(f"\nTreatment hidden:   http://127.0.0.1:{chosen.port}/")
    print(f"Treatment visible:  http://127.0.0.1:{chosen.vault_port}/")
    accounts = supervisor.folder.path / "demo_accounts.txt"
    if accounts.exists():
        print(accounts.read_text())
    seconds = time.monotonic() - began
    print(f"Ready after {seconds:.0f} s. Data: {supervisor.folder.path}. Ctrl-C stops everything.", flush=True)
    supervisor.watch()
    print("Stopping ...", flush=True)


if __name__ == "__main__":
    sys.exit(main())
