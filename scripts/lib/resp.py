"""The Redis protocol from a client's side: requests out, RESP2 and RESP3 replies in.

Replies keep the type they had on the wire, because what these scripts prove is the wire, not the
meaning: `$-1`, `*-1` and `_` are three different nulls here.
"""

import re
import socket
import time

AGGREGATES = b"*%~>"


class Closed(Exception):
    """The server closed the connection."""


class Timeout(Exception):
    """No whole reply came in time."""


class Malformed(Exception):
    """What came is not RESP."""


class Reply:
    """One reply. `kind` is its type byte as a character.

    `data` is bytes for scalars, a flat list of replies for aggregates (keys and values alternate in
    a map), and None for nulls. `attributes` is the flat list that preceded the reply, if one did.
    """

    __slots__ = ("kind", "data", "attributes")

    def __init__(self, kind, data, attributes=None):
        self.kind = kind
        self.data = data
        self.attributes = attributes

    def is_error(self):
        return self.kind in "-!"

    def plain(self):
        """The reply as Python values, for scripts that want its content only."""
        if self.data is None:
            return None
        if self.kind == ":":
            return int(self.data)
        if self.kind == "#":
            return self.data == b"t"
        if self.kind == "%":
            flat = [item.plain() for item in self.data]
            return dict(zip(flat[::2], flat[1::2]))
        if isinstance(self.data, list):
            return [item.plain() for item in self.data]
        return self.data.decode("utf-8", "surrogateescape")


def encode(args):
    """A request as a multibulk."""
    out = [b"*%d\r\n" % len(args)]
    for arg in args:
        if isinstance(arg, str):
            arg = arg.encode()
        elif isinstance(arg, int):
            arg = b"%d" % arg
        out.append(b"$%d\r\n%s\r\n" % (len(arg), arg))
    return b"".join(out)


class Connection:
    """A socket with a reply reader."""

    def __init__(self, port, host="127.0.0.1", timeout=5.0):
        self.socket = socket.create_connection((host, port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.timeout = timeout
        self.buffer = bytearray()

    def send(self, data):
        self.socket.settimeout(self.timeout)
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Closed from error

    def call(self, *args):
        """Sends one command and reads its one reply."""
        self.send(encode(args))
        return self.read()

    def read(self, timeout=None):
        """The next reply; what came of an incomplete one stays buffered."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        while True:
            parsed = parse(self.buffer)
            if parsed is not None:
                reply, used = parsed
                del self.buffer[:used]
                return reply
            self._fill(deadline)

    def closed(self, timeout=None):
        """Waits for the server to close; false if it sends something or keeps silent instead."""
        if self.buffer:
            return False
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        try:
            self._fill(deadline)
        except Closed:
            return True
        except Timeout:
            return False
        return False

    def silent(self, timeout):
        """True if nothing comes for so many seconds."""
        if self.buffer:
            return False
        try:
            self._fill(time.monotonic() + timeout)
        except Timeout:
            return True
        except Closed:
            return False
        return False

    def close(self):
        self.socket.close()

    def _fill(self, deadline):
        left = deadline - time.monotonic()
        if left <= 0:
            raise Timeout
        self.socket.settimeout(left)
        try:
            chunk = self.socket.recv(1 << 18)
        except socket.timeout as error:
            raise Timeout from error
        except ConnectionResetError as error:
            raise Closed from error
        if not chunk:
            raise Closed
        self.buffer += chunk


def parse(buffer, at=0):
    """The reply at `at` and the offset behind it, or None while it is incomplete."""
    end = buffer.find(b"\r\n", at)
    if end < 0:
        return None
    kind, head, at = chr(buffer[at]), bytes(buffer[at + 1 : end]), end + 2
    if kind in "+-:,#(":
        return Reply(kind, head), at
    if kind == "_":
        return Reply("_", None), at
    if kind not in "$=!*%~>|":
        raise Malformed(f"type byte {kind!r} before {head!r}")
    if not re.fullmatch(rb"-?\d+", head):
        raise Malformed(f"length {head!r} of a {kind!r}")
    length = int(head)
    if length < 0:
        return Reply(kind, None), at
    if kind in "$=!":
        if len(buffer) < at + length + 2:
            return None
        if buffer[at + length : at + length + 2] != b"\r\n":
            raise Malformed(f"bulk of {length} bytes does not end in CR LF")
        return Reply(kind, bytes(buffer[at : at + length])), at + length + 2
    items = []
    for _ in range(length * 2 if kind in "%|" else length):
        parsed = parse(buffer, at)
        if parsed is None:
            return None
        items.append(parsed[0])
        at = parsed[1]
    if kind != "|":
        return Reply(kind, items), at
    parsed = parse(buffer, at)
    if parsed is None:
        return None
    parsed[0].attributes = items
    return parsed


_ESCAPES = {0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t", 0x07: "\\a", 0x08: "\\b", 0x5C: "\\\\", 0x22: '\\"'}


def quote(data):
    """Bytes in double quotes, by the rules of inline commands."""
    return '"' + "".join(
        _ESCAPES.get(byte) or (chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}") for byte in data
    ) + '"'


def render(reply, depth=0):
    """The lines that the golden format writes for a reply."""
    pad = "  " * depth
    lines = []
    if reply.attributes is not None:
        lines.append(f"{pad}|{len(reply.attributes) // 2}")
        for item in reply.attributes:
            lines += render(item, depth + 1)
    if reply.kind == "_":
        lines.append(pad + "_")
    elif reply.data is None:
        lines.append(f"{pad}{reply.kind}nil")
    elif isinstance(reply.data, list):
        count = len(reply.data) // (2 if reply.kind == "%" else 1)
        lines.append(f"{pad}{reply.kind}{count}")
        for item in reply.data:
            lines += render(item, depth + 1)
    elif reply.kind == "=":
        lines.append(f"{pad}={reply.data[:3].decode('latin-1')}:{quote(reply.data[4:])}")
    elif reply.kind in "$!":
        lines.append(f"{pad}{reply.kind}{quote(reply.data)}")
    elif _needs_quotes(reply.data):
        lines.append(f"{pad}{reply.kind}{quote(reply.data)}")
    else:
        lines.append(f"{pad}{reply.kind}{reply.data.decode()}")
    return lines


def _needs_quotes(data):
    """A text whose bare form would be read as something else, or not survive an editor."""
    return (
        data != data.strip()
        or data[:1] in (b'"', b"/", b"[", b"{")
        or any(not 0x20 <= byte < 0x7F for byte in data)
    )
