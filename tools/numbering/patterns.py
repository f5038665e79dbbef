"""Finite languages of digit strings: libphonenumber's regular expressions, one digit at a time.

A language is a node of a small hash-consed syntax tree, `step` is its Brzozowski derivative. The
patterns hold literals, sets of digits, alternatives and bounded repetitions, nothing else, so every
language is finite and equal subtrees are one object.
"""

import re._constants as op
import re._parser as parser
from functools import cache

EMPTY = ("none",)  # no string at all
END = ("end",)  # only the empty string


def alternatives(nodes):
    flat = set()
    for node in nodes:
        flat |= node[1] if node[0] == "or" else {node}
    flat.discard(EMPTY)
    if not flat:
        return EMPTY
    return flat.pop() if len(flat) == 1 else ("or", frozenset(flat))


def sequence(first, then):
    if EMPTY in (first, then):
        return EMPTY
    if first == END:
        return then
    if then == END:
        return first
    if first[0] == "then":
        return ("then", first[1], sequence(first[2], then))
    return ("then", first, then)


def digits(text):
    return ("digit", frozenset(text))


def language(pattern):
    """The node of a regular expression that must match a whole string."""
    return _items(parser.parse(pattern)) if pattern else EMPTY


def _items(items):
    node = END
    for kind, value in reversed(list(items)):
        node = sequence(_item(kind, value), node)
    return node


def one_digit(kind, value):
    """The digits of a literal or a set."""
    return frozenset(chr(value) if kind is op.LITERAL else _members(value))


def _item(kind, value):
    if kind in (op.LITERAL, op.IN):
        return ("digit", one_digit(kind, value))
    if kind is op.BRANCH:
        return alternatives(_items(branch) for branch in value[1])
    if kind is op.SUBPATTERN:
        return _items(value[3])
    if kind is op.MAX_REPEAT:
        low, high, inner = value
        return repeat(_items(inner), low, high)
    raise ValueError(f"a pattern with {kind}: teach patterns.py what it means")


def _members(members):
    for kind, value in members:
        if kind is op.LITERAL:
            yield chr(value)
        elif kind is op.RANGE:
            yield from (chr(code) for code in range(value[0], value[1] + 1))
        elif kind is op.CATEGORY and value is op.CATEGORY_DIGIT:
            yield from "0123456789"
        else:
            raise ValueError(f"a set with {kind}")


def repeat(node, low, high):
    if high is op.MAXREPEAT:
        raise ValueError("an endless repetition")
    rest = END
    for _ in range(high - low):
        rest = alternatives([END, sequence(node, rest)])
    for _ in range(low):
        rest = sequence(node, rest)
    return rest


@cache
def accepts(node):
    """Whether the empty string belongs to the language."""
    if node[0] == "or":
        return any(accepts(part) for part in node[1])
    if node[0] == "then":
        return accepts(node[1]) and accepts(node[2])
    return node == END


@cache
def step(node, digit):
    """The language of what may follow `digit`."""
    if node[0] == "digit":
        return END if digit in node[1] else EMPTY
    if node[0] == "or":
        return alternatives(step(part, digit) for part in node[1])
    if node[0] == "then":
        follow = sequence(step(node[1], digit), node[2])
        return alternatives([follow, step(node[2], digit)]) if accepts(node[1]) else follow
    return EMPTY
