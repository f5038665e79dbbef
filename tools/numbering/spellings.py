"""Which digits behind a country code spell another number: the 0 in +440..., and its like.

libphonenumber takes them out when it parses: a prefix for dialling inside the country, or one that
names a carrier, if what is left may be a number. Here that decision is walked digit by digit, with the
country's own patterns, until it is the same for all numbers of one length.
"""

import re._constants as op
import re._parser as parser
from collections import namedtuple
from functools import cache

from phonenumbers.phonenumberutil import ValidationResult, _test_number_length

from kinds import states
from patterns import accepts, language, one_digit, step
from table import DIGITS

# Mexico gave up the 1 for mobile phones and the prefixes inside the country in 2019, and the source
# has forgotten them. +52 1 is still written, and the phone is the one without it.
FORMER = {52: "0(?:[12]|4[45])|1"}
# How many digits a number has, the country code among them.
SHORTEST, LONGEST = 7, 15

# How a spelling becomes the number, behind the country code: `insert` is written first, `drop` digits
# are left out, and `cut` more digits `after` the next ones.
Edit = namedtuple("Edit", "insert drop after cut")
# One way in which a number may begin: the digits that each place takes, whether the number ends there,
# and what is to change then, if anything.
Template = namedtuple("Template", "places ends edit")


def paths(items):
    """Yields (places, {group: span}, ends) for each way through a pattern, the preferred one first."""
    if not items:
        yield (), {}, False
        return
    for places, spans, ends in choices(*items[0]):
        for more, inner, at_end in paths(items[1:]):
            behind = {group: (a + len(places), b + len(places)) for group, (a, b) in inner.items()}
            yield places + more, spans | behind, ends or at_end


def choices(kind, value):
    if kind is op.AT and value is op.AT_END:
        yield (), {}, True
    elif kind is op.BRANCH:
        for branch in value[1]:
            yield from paths(list(branch))
    elif kind is op.SUBPATTERN:
        for places, spans, ends in paths(list(value[3])):
            yield places, spans | ({value[0]: (0, len(places))} if value[0] else {}), ends
    elif kind is op.MAX_REPEAT:
        low, high, inner = value
        for times in range(high, low - 1, -1):
            yield from paths(list(inner) * times)
    else:
        yield (one_digit(kind, value),), {}, False


def edit(places, spans, last_group, rule):
    """What a rule such as `9\\1` makes of a number that begins so. Without a rule, or where its group
    matched nothing, what matched is left out."""
    if not rule or last_group not in spans:
        return Edit("", len(places), 0, 0) if places else None
    written, group = rule.split("\\")
    start, end = spans[int(group)]
    cut = len(places) - end
    if start and cut:
        # The prefix first: what is left then matches without it.
        return Edit("", start, 0, 0)
    if written or start or cut:
        return Edit(written, start, end if cut else 0, cut)
    return None


class Spellings:
    """What follows one country code, as an automaton over the digits."""

    def __init__(self, plan):
        self.data = plan.metadata(plan.regions[0])
        self.code = len(str(plan.code))
        self.viable = language(self.data.general_desc.national_number_pattern)
        pattern = parser.parse(self.data.national_prefix_for_parsing or FORMER.get(plan.code, ""))
        last_group = pattern.state.groups - 1
        rule = self.data.national_prefix_transform_rule
        self.templates = [
            Template(places, ends, edit(places, spans, last_group, rule))
            for places, spans, ends in paths(list(pattern))
        ]
        # A prefix for calls inside the country with which no number begins is one at every length.
        self.trunk = self.data.national_prefix
        if not self.trunk or any(plan.at(state) for state in states(plan, self.trunk)):
            self.trunk = None

    def start(self):
        """(place, whether the trunk prefix was there, what makes the number viable, [(template, what
        makes the edited number viable)])"""
        edited = lambda edit: self.after(edit.insert if edit else "")
        templates = tuple((i, edited(t.edit)) for i, t in enumerate(self.templates))
        return (0, False, self.viable, templates)

    def after(self, text):
        node = self.viable
        for digit in text:
            node = step(node, digit)
        return node

    @cache
    def step(self, state, digit):
        place, trunk, viable, tracked = state
        alive = []
        for index, node in tracked:
            places, ends, edit = self.templates[index]
            if digit not in places[place] if place < len(places) else ends:
                continue
            leaves_out = edit and (
                place < edit.drop or 0 <= place - edit.drop - edit.after < edit.cut
            )
            alive.append((index, node if leaves_out else step(node, digit)))
            if place + 1 >= len(places) and not ends:
                break  # The first that matches counts.
        # Behind all templates the place does not matter, and equal states are one.
        longest = max((len(self.templates[index].places) for index, _ in alive), default=0)
        return (min(place + 1, longest + 1), trunk, step(viable, digit), tuple(alive))

    @cache
    def edit(self, state, length):
        """What is to change about the number that ends here, after `length` digits."""
        place, trunk, viable, tracked = state
        matched = ((i, node) for i, node in tracked if place >= len(self.templates[i].places))
        index, node = next(matched, (None, None))
        edit = None if index is None else self.templates[index].edit
        possible = (ValidationResult.IS_POSSIBLE, ValidationResult.TOO_LONG)
        if edit and (accepts(node) or not accepts(viable)):
            left = length + len(edit.insert) - edit.drop - edit.cut
            if self.code + left >= SHORTEST and _test_number_length("0" * left, self.data) in possible:
                return edit
        return self.of_trunk() if trunk and length in self.trunk_lengths() else None

    def of_trunk(self):
        return Edit("", len(self.trunk), 0, 0)

    def trunk_lengths(self):
        return range(SHORTEST + len(self.trunk) - self.code, LONGEST - self.code + 1)

    @cache
    def edits(self, state, length, more):
        """The same for all numbers with `more` digits."""
        if not more:
            return frozenset({self.edit(state, length)})
        after = {self.step(state, digit) for digit in DIGITS}
        return frozenset().union(*(self.edits(node, length + 1, more - 1) for node in after))

    def table(self, state, prefix="", given=None):
        """Yields (prefix, edit, digits of the whole numbers that it is for): the longest prefix that
        has something for a number's length counts. `given` is what a shorter one says already."""
        length = len(prefix)
        if prefix and prefix == self.trunk:
            given = self.of_trunk()
            yield prefix, given, [self.code + n for n in self.trunk_lengths()]
            state = (state[0], True, *state[2:])
        found = {
            self.code + length + more: self.edits(state, length, more)
            for more in range(LONGEST - self.code - length + 1)
        }
        changes = frozenset().union(*found.values()) - {None, given}
        leads_to_trunk = not given and (self.trunk or "").startswith(prefix)
        if len(changes) == max(map(len, found.values())) == 1 and not leads_to_trunk:
            yield prefix, *changes, [n for n, edits in found.items() if edits == changes]
        elif changes or leads_to_trunk:
            for digit in DIGITS:
                yield from self.table(self.step(state, digit), prefix + digit, given)


def all_spellings(plans):
    """{prefix: (edit, lengths, length of the country code)}."""
    table = {}
    for plan in plans:
        spellings = Spellings(plan)
        for prefix, edit, lengths in spellings.table(spellings.start()):
            table[f"{plan.code}{prefix}"] = (edit, lengths, spellings.code)
    return table
