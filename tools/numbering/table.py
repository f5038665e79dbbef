"""From a numbering plan to a short list of prefixes that says the same of every known number."""

from functools import cache

DIGITS = "0123456789"
# A prefix is taken whole where at least so many of its ten continuations are known and all say the
# same: `900[2-9]` becomes 900. With fewer it is split, because a range that is unknown today may be
# assigned to another use tomorrow.
WHOLE = 8


class Walk:
    """The prefixes of one country code.

    `step(node, digit)` and `value(node)` define an automaton; a value of None means that nothing is
    known about the number that ends there. Where only a number's length tells two values apart,
    `by_length({value: remaining lengths})` makes one value of them, or None if it cannot.
    """

    def __init__(self, step, value, by_length):
        self.step, self.value, self.by_length = cache(step), cache(value), by_length
        self.children, self.lengths = cache(self._children), cache(self._lengths)
        self.values, self.solid = cache(self._values), cache(self._solid)

    def _children(self, node):
        return [self.step(node, digit) for digit in DIGITS]

    def _lengths(self, node):
        """Every (value, number of further digits) below."""
        here = self.value(node)
        found = set() if here is None else {(here, 0)}
        for child in set(self.children(node)) - {None}:
            found |= {(value, length + 1) for value, length in self.lengths(child)}
        return frozenset(found)

    def _values(self, node):
        return frozenset(value for value, _ in self.lengths(node))

    def _solid(self, node):
        if self.value(node) is not None:
            return True
        known = [child for child in self.children(node) if child and self.values(child)]
        return sum(map(self.solid, known)) >= WHOLE

    def prefixes(self, node, inherited, prefix=""):
        """Yields (prefix, value); the longest that a number begins with counts."""
        values = self.values(node)
        if not values or values == {inherited}:
            return
        if len(values) == 1 and self.solid(node):
            yield prefix, *values
            return
        if len(values) > 1 and self.solid(node) and len(set(self.children(node))) == 1:
            lengths = {}
            for value, length in self.lengths(node):
                lengths.setdefault(value, set()).add(length)
            choice = self.by_length(prefix, lengths)
            if choice is not None:
                if choice != inherited:
                    yield prefix, choice
                return
        own = self.value(node)
        if own is not None and own != inherited:
            yield prefix, own
            inherited = own
        for digit, child in zip(DIGITS, self.children(node)):
            if child is not None:
                yield from self.prefixes(child, inherited, prefix + digit)
