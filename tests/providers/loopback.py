"""A server on loopback that answers by script, and remembers when it was asked what."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Step = Callable[["Handler"], None]

PATIENCE = 20.0  # seconds until a hanging answer gives up by itself


class Handler(BaseHTTPRequestHandler):
    server: "Scripted"
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        server = self.server
        with server.lock:
            server.asked.append(self.path)
            server.headers.append(dict(self.headers))
            number = len(server.asked) - 1
            step = server.script[min(number, len(server.script) - 1)]
        try:
            step(self)
        except OSError:  # the client has hung up, which is what some tests are about
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


class Scripted(ThreadingHTTPServer):
    """Takes one step of `script` per request; the last one stands for all that follow."""

    daemon_threads = True

    def __init__(self, *script: Step) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script = list(script)
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.lock = threading.Lock()
        self.over = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, *_: object) -> None:
        pass


@contextmanager
def serving(*script: Step) -> Iterator[Scripted]:
    server = Scripted(*script)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        thread.join()
        server.server_close()


def answer(body: bytes = b"[]", status: int = 200, **headers: str) -> Step:
    """Answer at once; ``Retry_After="30"`` is the header Retry-After."""

    def step(handler: Handler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
        if "Content_Length" in headers:
            handler.close_connection = True

    return step


def html(handler: Handler) -> None:
    answer(b"<!DOCTYPE html><html>We are down for maintenance</html>")(handler)


def truncated(handler: Handler) -> None:
    answer(b'[{"timestamp": 17000', Content_Length="40")(handler)


def hang(handler: Handler) -> None:
    """Never answer."""
    handler.server.over.wait(PATIENCE)
    handler.close_connection = True


def drip(*, head: bool = False) -> Step:
    """Send a byte every 20 ms for ever: too fast for a socket timeout, too slow to be of use."""

    def step(handler: Handler) -> None:
        start = b"HTTP/1.1 200 OK\r\n"
        start += b"X-Slow: " if head else b"Content-Length: 9999\r\n\r\n"
        handler.wfile.write(start)
        while not handler.server.over.wait(0.02):
            handler.wfile.write(b"1")

    return step


def endless(handler: Handler) -> None:
    """Send a body without a length that does not end."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    while not handler.server.over.is_set():
        handler.wfile.write(b"1" * 65536)


def reset(handler: Handler) -> None:
    """Cut the connection with a RST."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True
