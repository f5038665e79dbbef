"""Which numbers cost more than a call, and which are no subscriber's at all."""

import phonenumbers
from phonenumbers.phonemetadata import PhoneMetadata

from patterns import accepts, language, step
from table import DIGITS, Walk

ORDINARY, PREMIUM, SHARED, TOLL_FREE, PERSONAL, PAGER, SATELLITE, EMERGENCY = range(8)
OF_TYPE = {
    "premium_rate": PREMIUM,
    "shared_cost": SHARED,
    "toll_free": TOLL_FREE,
    "personal_number": PERSONAL,
    "pager": PAGER,
}
# Codes that are one thing as a whole, whatever is assigned in them (ITU-T E.164, list of assigned
# country codes): Inmarsat, satellite systems, networks of no country, personal numbers, and premium.
WHOLE_CODES = {870: SATELLITE, 871: SATELLITE, 872: SATELLITE, 873: SATELLITE, 874: SATELLITE}
WHOLE_CODES |= {878: PERSONAL, 881: SATELLITE, 882: SATELLITE, 883: SATELLITE, 979: PREMIUM}
# What libphonenumber calls VoIP or does not know in the North American plan: 600 is Canada's caller
# pays, 700 costs what a carrier likes.
MORE = {"1600": SHARED, "1700": SHARED}
# N11 in the place of an area code: service codes, among them 911.
MORE |= {f"1{n}11": EMERGENCY for n in range(2, 10)}


def lengths_mask(kind, lengths):
    """A kind in the low four bits; above them bit n says: only for numbers of n + 4 digits."""
    return kind | sum(1 << (length - 4) for length in lengths if length >= 4) << 4


def kinds(plan):
    """Yields (prefix after the code, kind)."""
    if plan.code in WHOLE_CODES:
        return

    def value(state):
        known = plan.at(state)
        return OF_TYPE.get(known[1], ORDINARY) if known and known[1] else None

    def by_length(prefix, lengths):
        # Premium before anything else; what the others are at their lengths is ordinary then.
        kind = min(lengths.keys() - {ORDINARY})
        others = set().union(*(lengths[other] for other in lengths.keys() - {kind}))
        if lengths[kind] & others:
            return None
        before = len(str(plan.code)) + len(prefix)
        return lengths_mask(kind, {before + length for length in lengths[kind]})

    walk = Walk(plan.step, value, by_length)
    yield from walk.prefixes(plan.start, ORDINARY)


def emergencies(plan):
    """Emergency numbers behind the country code, where no known number begins so.

    libphonenumber takes whatever begins with such a number for a call to it in most countries
    (shortnumberinfo.connects_to_emergency_number).
    """
    found = set()
    for region in plan.regions:
        short = PhoneMetadata.short_metadata_for_region(region)
        if short and short.emergency and short.emergency.national_number_pattern:
            found |= set(strings(language(short.emergency.national_number_pattern)))
    for number in sorted(found):
        if len(number) >= 3 and not any(plan.at(state) for state in states(plan, number)):
            yield number


def states(plan, prefix):
    """Every state at and below a prefix."""
    todo, seen = [plan.after(prefix)], set()
    while todo:
        state = todo.pop()
        if state is not None and state not in seen:
            seen.add(state)
            todo += [plan.step(state, digit) for digit in DIGITS]
    return seen


def strings(node, prefix=""):
    if accepts(node):
        yield prefix
    for digit in DIGITS:
        after = step(node, digit)
        if after != ("none",):
            yield from strings(after, prefix + digit)


def all_kinds(plans):
    """{prefix: encoded kind}; longer prefixes win."""
    table = {str(code): kind for code, kind in WHOLE_CODES.items()}
    for plan in plans:
        code = str(plan.code)
        for number in emergencies(plan):
            table[code + number] = EMERGENCY
        for prefix, kind in kinds(plan):
            assert code + prefix not in table, prefix
            table[code + prefix] = kind
    for prefix, kind in MORE.items():
        assert table.get(prefix, kind) == kind, prefix
        table[prefix] = kind
    return table


def plans():
    from plan import Plan

    return [Plan(code) for code in sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)]
