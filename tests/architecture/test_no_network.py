"""The suite talks to this machine only."""

import socket

import pytest
from pytest_socket import SocketConnectBlockedError

from tests.browser.conftest import CHROMIUM_FLAGS


@pytest.mark.parametrize("address", ["192.0.2.1", "198.51.100.7"])
@pytest.mark.filterwarnings("ignore:A test tried to use socket")
def test_no_test_reaches_another_machine(address: str) -> None:
    with socket.socket() as probe, pytest.raises(SocketConnectBlockedError):
        probe.connect((address, 9))


def test_loopback_and_unix_sockets_stay_open(tmp_path) -> None:
    with socket.socket() as server, socket.socket() as client:
        server.bind(("127.0.0.1", 0))
        server.listen()
        client.connect(server.getsockname())
    name = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(name)
        server.listen()
        client.connect(name)


def test_the_browser_finds_no_other_host() -> None:
    assert "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1" in CHROMIUM_FLAGS
