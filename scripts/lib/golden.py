"""Reads golden scripts (tests/scripts/README.md describes them) and matches replies against them."""

import re

from resp import AGGREGATES

CLIENT = r"[a-z][a-z0-9_]*"
VARIABLE = re.compile(rb"\{\{([a-z][a-z0-9_]*)\}\}")
DIRECTIVES = {"resp", "db", "needs", "end", "advance", "reset", "raw", "closed", "none", "options"}


class BadScript(Exception):
    """A golden script that breaks the format; the text starts with the line number."""


class Step:
    """One action of a script and the replies expected after it.

    `kind` is `command`, `raw`, `read` or the name of a directive; `value` its arguments; `expects`
    the patterns of the replies to be read, empty when none is to be read.
    """

    def __init__(self, kind, line, client="", value=None):
        self.kind = kind
        self.line = line
        self.client = client
        self.value = value
        self.expects = []
        self.last_line = line


class Pattern:
    """What one reply must look like.

    `form`: exact, regex, range, variable, any, nil, list; `sigil` is the type byte, or empty for a
    bare `any`. `source` is the pattern's own line as written, for messages.
    """

    def __init__(self, line, sigil, form, value=None, order="exact"):
        self.line = line
        self.sigil = sigil
        self.form = form
        self.value = value
        self.order = order
        self.source = ""
        self.children = []
        self.attributes = None


def load(path):
    """The steps of a file."""
    with open(path, "rb") as file:
        return parse(file.read())


def parse(text):
    lines = [line.rstrip(b" \t\r") for line in text.split(b"\n")]
    steps = []
    at = 0
    while at < len(lines):
        line, number = lines[at], at + 1
        at += 1
        if not line or line == b"#" or line.startswith(b"# "):
            continue
        step = _step(line, number)
        if step is not None:
            steps.append(step)
            continue
        if not steps or steps[-1].kind not in ("command", "raw", "read"):
            raise BadScript(f"{number}: a reply without a command: {line.decode('utf-8', 'replace')}")
        pattern, at = _pattern(lines, at - 1, 0)
        steps[-1].expects.append(pattern)
        steps[-1].last_line = at
    return steps


def _step(line, number):
    text = line.decode("utf-8", "surrogateescape")
    if command := re.fullmatch(rf"({CLIENT})?> (.*)", text, re.S):
        try:
            args = split_args(command[2].encode("utf-8", "surrogateescape"))
        except ValueError as error:
            raise BadScript(f"{number}: {error}") from error
        return Step("command", number, command[1] or "", args)
    if read := re.fullmatch(rf"({CLIENT})?<", text):
        return Step("read", number, read[1] or "")
    if not text.startswith("!"):
        return None
    word, _, rest = text[1:].partition(" ")
    rest = rest.strip()
    if word not in DIRECTIVES:
        raise BadScript(f"{number}: unknown directive !{word}")
    client = ""
    if word in ("resp", "db", "raw", "closed", "none"):
        if named := re.fullmatch(rf"({CLIENT})(?: +(.*))?", rest, re.S):
            client, rest = named[1], named[2] or ""
    if word == "raw":
        try:
            (value,) = split_args(rest.encode("utf-8", "surrogateescape"))
        except ValueError as error:
            raise BadScript(f"{number}: !raw takes one quoted string") from error
        return Step("raw", number, client, value)
    if word == "advance":
        amount = re.fullmatch(r"(\d+)(ms|s)", rest)
        if not amount:
            raise BadScript(f"{number}: !advance takes a time such as 1500ms or 2s")
        return Step(word, number, "", int(amount[1]) * (1000 if amount[2] == "s" else 1))
    if word == "needs":
        check_condition(rest, number)
    if word in ("resp", "db") and not rest.isdigit():
        raise BadScript(f"{number}: !{word} takes a number")
    return Step(word, number, client, rest)


def split_args(line):
    """Splits as the server splits an inline command; a quoted string may be followed by `*N`."""
    args = []
    at = 0
    while True:
        while at < len(line) and line[at : at + 1].isspace():
            at += 1
        if at >= len(line):
            return args
        arg = bytearray()
        while at < len(line) and not line[at : at + 1].isspace():
            if line[at] in b"\"'":
                text, at = _quoted(line, at)
                if repeat := re.match(rb"\*(\d+)", line[at:]):
                    text *= int(repeat[1])
                    at += repeat.end()
                if at < len(line) and not line[at : at + 1].isspace():
                    raise ValueError("a closing quote must be followed by a space")
                arg += text
                continue
            arg.append(line[at])
            at += 1
        args.append(bytes(arg))


def _quoted(line, at):
    mark = line[at]
    at += 1
    out = bytearray()
    while at < len(line):
        byte = line[at]
        if byte == mark:
            return bytes(out), at + 1
        if byte == 0x5C and mark == 0x22:
            if escape := re.match(rb"\\x([0-9a-fA-F]{2})", line[at:]):
                out.append(int(escape[1], 16))
                at += 4
                continue
            if at + 1 < len(line):
                letter = line[at + 1 : at + 2]
                out += {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"a": b"\a", b"b": b"\b"}.get(letter, letter)
                at += 2
                continue
        if line[at : at + 2] == b"\\'" and mark == 0x27:
            out += b"'"
            at += 2
            continue
        out.append(byte)
        at += 1
    raise ValueError("unbalanced quotes")


def _pattern(lines, at, depth):
    """The pattern that starts at line index `at`, and the index behind it."""
    if at >= len(lines):
        raise BadScript(f"{at}: the file ends within a reply")
    line, number = lines[at], at + 1
    pad = b"  " * depth
    if not line.startswith(pad) or line[len(pad) : len(pad) + 1] in (b" ", b""):
        raise BadScript(f"{number}: expected an element indented by {len(pad)} spaces")
    body = line[len(pad) :]
    at += 1
    if body[:1] == b"|":
        attributes = []
        for _ in range(2 * _count(body[1:], number)):
            item, at = _pattern(lines, at, depth + 1)
            attributes.append(item)
        pattern, at = _pattern(lines, at, depth)
        pattern.attributes = attributes
        return pattern, at
    pattern = _scalar_or_head(body, number)
    pattern.source = body.decode("utf-8", "replace")
    if pattern.form == "list":
        for _ in range(pattern.value * (2 if pattern.sigil == "%" else 1)):
            item, at = _pattern(lines, at, depth + 1)
            pattern.children.append(item)
    return pattern, at


def _count(text, number):
    if not text.isdigit():
        raise BadScript(f"{number}: expected a number of elements")
    return int(text)


def _scalar_or_head(body, number):
    if body == b"any":
        return Pattern(number, "", "any")
    sigil, rest = body[:1], body[1:]
    name = sigil.decode("latin-1")
    if name not in "+-:$*%~>,#=(_":
        raise BadScript(f"{number}: not a reply: {body.decode('utf-8', 'replace')}")
    if name == "_":
        return Pattern(number, "_", "nil")
    if rest == b"any":
        return Pattern(number, name, "any")
    if rest == b"nil" and name in "$*":
        return Pattern(number, name, "nil")
    if sigil in AGGREGATES:
        count, _, order = rest.partition(b" ")
        order = order.decode() or "exact"
        if order not in ("exact", "unordered", "pairs", "subset"):
            raise BadScript(f"{number}: unknown order {order}")
        return Pattern(number, name, "list", _count(count, number), order)
    if named := VARIABLE.fullmatch(rest):
        return Pattern(number, name, "variable", named[1].decode())
    if name == ":" and (bounds := re.fullmatch(rb"\[(-?\d*)\.\.(-?\d*)\]", rest)):
        low, high = (int(bound) if bound else None for bound in bounds.groups())
        return Pattern(number, name, "range", (low, high))
    prefix = b""
    if name == "=":
        prefix, rest = rest[:4], rest[4:]
    if len(rest) >= 2 and rest[:1] == rest[-1:] == b"/":
        try:
            return Pattern(number, name, "regex", re.compile(re.escape(prefix) + b"(?:" + rest[1:-1] + b")", re.S))
        except re.error as error:
            raise BadScript(f"{number}: {error}") from error
    if rest[:1] == b'"':
        try:
            (rest,) = split_args(rest)
        except ValueError as error:
            raise BadScript(f"{number}: {error}") from error
    elif name in "$=":
        raise BadScript(f"{number}: expected a quoted string, /pattern/, nil, any or a variable")
    return Pattern(number, name, "exact", prefix + rest)


def matches(pattern, reply, variables):
    """Whether a reply is as the pattern says; sets the variables that it captures."""
    if pattern.attributes is not None:
        if reply.attributes is None or not _match_list(pattern.attributes, reply.attributes, "exact", 2, variables):
            return False
    elif reply.attributes is not None and pattern.sigil:
        return False
    if not pattern.sigil:
        return True
    if pattern.sigil != reply.kind:
        return False
    form, data = pattern.form, reply.data
    if form == "nil":
        return data is None
    if data is None:
        return False
    if form == "any":
        return True
    if form == "exact":
        return data == pattern.value
    if form == "regex":
        return pattern.value.fullmatch(data) is not None
    if form == "range":
        low, high = pattern.value
        return (low is None or int(data) >= low) and (high is None or int(data) <= high)
    if form == "variable":
        return variables.setdefault(pattern.value, data) == data
    width = 2 if pattern.sigil == "%" or pattern.order == "pairs" else 1
    return _match_list(pattern.children, data, pattern.order, width, variables)


def _match_list(patterns, replies, order, width, variables):
    """Compares groups of `width` elements: pairs for maps, single elements elsewhere."""
    if order == "subset":
        if len(patterns) > len(replies):
            return False
    elif len(patterns) != len(replies):
        return False
    if order == "exact":
        return all(matches(pattern, reply, variables) for pattern, reply in zip(patterns, replies))
    free = [replies[at : at + width] for at in range(0, len(replies), width)]
    for at in range(0, len(patterns), width):
        group = patterns[at : at + width]
        found = next(
            (
                place
                for place, candidate in enumerate(free)
                if len(candidate) == len(group)
                and all(matches(pattern, reply, variables) for pattern, reply in zip(group, candidate))
            ),
            None,
        )
        if found is None:
            return False
        del free[found]
    return True


def substitute(arg, variables):
    """An argument with its `{{name}}` parts replaced."""

    def value(found):
        name = found[1].decode()
        if name not in variables:
            raise BadScript(f"variable {name} is not set")
        return variables[name]

    return VARIABLE.sub(value, arg)


CONDITION = re.compile(r"(redis|valkey|larder|process)(?:(>=|<)(\d+(?:\.\d+)*))?")


def check_condition(text, number):
    for alternative in text.split("|"):
        words = alternative.split()
        if not words or not all(CONDITION.fullmatch(word) for word in words):
            raise BadScript(f"{number}: !needs takes conditions such as redis>=7.2 | valkey>=8 | larder")


def satisfied(text, server, version):
    """Whether `server` (its name) of `version` (a tuple of numbers) meets a `!needs` condition."""

    def holds(word):
        name, operator, bound = CONDITION.fullmatch(word).groups()
        if name == "process":  # what runs here is always a process of its own
            return True
        if name != server:
            return False
        if operator is None:
            return True
        wanted = tuple(int(part) for part in bound.split("."))
        return version >= wanted if operator == ">=" else version < wanted

    return any(all(holds(word) for word in alternative.split()) for alternative in text.split("|"))

