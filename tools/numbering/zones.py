"""Where the clock of a number's owner stands.

libphonenumber says which zones a prefix may belong to, the tz database which zones a country keeps
and what their rule is. Zones with one rule are one zone here.
"""

import datetime as dt
import importlib.resources
import re
from bisect import bisect
from functools import cache
from zoneinfo import ZoneInfo

from phonenumbers.phonenumberutil import _GEO_MOBILE_COUNTRIES
from phonenumbers.tzdata import TIMEZONE_DATA

from kinds import EMERGENCY, ORDINARY
from table import Walk

FILES = importlib.resources.files("tzdata") / "zoneinfo"
# For which years a zone's rule must say what the tz database says; a zone that does otherwise
# meanwhile (Ramadan) is every offset that it takes.
HORIZON = dt.datetime(2026, 12, 1), dt.datetime(2038, 1, 1)
RULE = re.compile(r"M(\d+)\.(\d)\.(\d)(?:/(-?)(\d+)(?::(\d+))?)?")
NAME = r"(?:<[^>]+>|[A-Za-z]+)"
OFFSET = r"([+-]?)(\d+)(?::(\d+))?"


def minutes(sign, hours, rest):
    return (-1 if sign == "-" else 1) * (int(hours) * 60 + int(rest or 0))


def parse(text):
    """POSIX TZ to (standard, summer, start, end); minutes east, changes (month, week, day, minute)."""
    head = re.match(f"{NAME}{OFFSET}", text)
    standard = -minutes(*head.groups())
    rest = text[head.end() :]
    if not rest:
        return (standard,)
    names, start, end = rest.split(",")
    summer = re.fullmatch(f"{NAME}(?:{OFFSET})?", names).groups()
    offset = -minutes(*summer) if summer[1] else standard + 60
    return (standard, offset, change(start), change(end))


def change(text):
    month, week, day, sign, hours, rest = RULE.fullmatch(text).groups()
    return (int(month), int(week), int(day), minutes(sign, hours or 2, rest))


def at(change, year, offset):
    """When a change happens in UTC, as a naive datetime."""
    month, week, day, minute = change
    first = dt.datetime(year, month, 1)
    date = first + dt.timedelta(days=(day - first.isoweekday() % 7) % 7 + 7 * (week - 1))
    if date.month != month:
        date -= dt.timedelta(days=7)
    return date + dt.timedelta(minutes=minute - offset)


def offsets(rule):
    """[(from when, minutes)] over the horizon, in order."""
    if len(rule) == 1:
        return [(dt.datetime.min, rule[0])]
    standard, summer, start, end = rule
    return sorted(
        moment
        for year in range(HORIZON[0].year - 1, HORIZON[1].year + 1)
        for moment in ((at(start, year, standard), summer), (at(end, year, summer), standard))
    )


@cache
def rules(name):
    """The rules of a zone: one, or several where no rule tells what the database knows."""
    rule = parse((FILES / name).read_bytes().rstrip(b"\n").rsplit(b"\n", 1)[1].decode())
    with (FILES / name).open("rb") as file:
        zone = ZoneInfo.from_file(file)
    found, told = {rule}, offsets(rule)
    when, last = HORIZON
    while when < last:
        minutes = told[bisect(told, when, key=lambda moment: moment[0]) - 1][1]
        truth = zone.fromutc(when.replace(tzinfo=zone)).utcoffset()
        if truth != dt.timedelta(minutes=minutes):
            found.add((int(truth.total_seconds()) // 60,))
        when += dt.timedelta(hours=12)
    return frozenset(found)


@cache
def kept():
    """{region: rules}, from the tz database's zone.tab."""
    table = {}
    for line in (FILES / "zone.tab").read_text().splitlines():
        if not line.startswith("#"):
            region, _, name = line.split("\t")[:3]
            table[region] = table.get(region, frozenset()) | rules(name)
    return table


def union(names):
    return frozenset().union(*map(rules, names))


def corrected(plan, region, names):
    """What libphonenumber says, unless the tz database knows of no such zone in the country."""
    own = kept().get(region)
    if not own:
        return union(names)
    everyone = frozenset().union(*(kept().get(other, frozenset()) for other in plan.regions))
    found = union(names) & own
    if union(names) - everyone:
        missing = own - union(TIMEZONE_DATA[str(plan.code)])
        found |= missing or own
    return found or own


def all_zones(plans, regions, kinds):
    """{prefix: set of rules}; longer prefixes win, no rules: the number does not tell."""
    table = {}
    for plan in plans:
        code = str(plan.code)
        everywhere = TIMEZONE_DATA.get(code)
        if everywhere is None:
            continue
        own = {prefix: region for prefix, region in regions.items() if prefix.startswith(code)}
        for prefix, region in own.items():
            table[prefix] = corrected(plan, region, everywhere)
        for prefix, names in TIMEZONE_DATA.items():
            if prefix.startswith(code) and prefix != code:
                table[prefix] = corrected(plan, longest(own, prefix), names)
        for prefix in nowhere(plan) if len(longest(table, code)) > 1 else ():
            for inner in [inner for inner in table if inner.startswith(prefix)]:
                del table[inner]
            table[prefix] = corrected(plan, longest(own, prefix), everywhere)
        # Who pays for a toll-free or personal number sits anywhere in the country.
        for prefix, kind in kinds.items():
            if prefix.startswith(code) and kind & 15 not in (ORDINARY, EMERGENCY):
                if len(longest(table, prefix)) > 1:
                    table[prefix] = frozenset()
    return {
        prefix: found
        for prefix, found in table.items()
        if longest(table, prefix[:-1], frozenset()) != found
    }


def nowhere(plan):
    """Prefixes whose numbers belong to no place in the country: mobile phones, mostly.

    libphonenumber has zones for some of them (Moscow for +79) and does not use those either.
    """
    placed = {"fixed_line"} | ({"mobile"} if plan.code in _GEO_MOBILE_COUNTRIES else set())

    def value(state):
        known = plan.at(state)
        return known[1] in placed if known and known[1] else None

    def by_length(_prefix, lengths):
        return False

    # In the North American plan a mobile phone has its area code's numbers.
    if plan.code != 1:
        for prefix, is_placed in Walk(plan.step, value, by_length).prefixes(plan.start, True):
            if not is_placed:
                yield str(plan.code) + prefix


def longest(table, prefix, default=None):
    while prefix:
        if prefix in table:
            return table[prefix]
        prefix = prefix[:-1]
    return default
