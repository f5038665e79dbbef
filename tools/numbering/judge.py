"""What libphonenumber and the tz database say of many numbers, for shared/tests/numbering.rs.

Prints one line a case, tab-separated:
    number  +DIGITS  REGION or -  TYPE (libphonenumber's name), `trunk` behind it where a number that
            libphonenumber does not know begins with the digits for calls inside its country
    other   +DIGITS  +DIGITS: another spelling, and the number that libphonenumber makes of it
    quiet   +DIGITS  WINDOW  NOW (Unix seconds)  UNTIL (Unix seconds, 0 if not quiet, -1 if for ever)
    careful the same, for a zone whose clock no rule tells: quiet then, and perhaps longer

It shares no code with the generator: numbers are parsed by libphonenumber itself, clocks are read by
zoneinfo, and the end of the quiet hours is found by trying every five minutes.
"""

import datetime as dt
import importlib.resources
import random
import re
from functools import cache
from zoneinfo import ZoneInfo

import phonenumbers
from phonenumbers import PhoneNumberType as Type
from phonenumbers import timezone
from phonenumbers.phonemetadata import PhoneMetadata

random.seed(20261201)
NAMES = {value: name for name, value in vars(Type).items() if isinstance(value, int)}
FIRST, LAST = 1_796_083_200, 2_145_916_800  # 2026-12-01, 2038-01-01
MUTATIONS, RANDOM, CLOCKS = 60, 40_000, 6_000

# Where libphonenumber's zone is not the country's (it groups zones by their present offset), what
# the tz database's zone.tab has for the country.
ZONES = importlib.resources.files("tzdata") / "zoneinfo"
INSTEAD = {
    "BY": ["Europe/Minsk"],
    "DZ": ["Africa/Algiers"],
    "EH": ["Africa/El_Aaiun"],
    "IE": ["Europe/Dublin"],
    "LY": ["Africa/Tripoli"],
    "MA": ["Africa/Casablanca"],
    "NI": ["America/Managua"],
    "PS": ["Asia/Gaza", "Asia/Hebron"],
    "SS": ["Africa/Juba"],
}
# Ramadan, and Cuba's winter of 2026: every offset that the zone takes counts at all times.
CAREFUL = {"CU", "PS"}
UNUSUAL = {"RU": "Europe/Bucharest", "MX": "America/New_York"}


def numbers():
    """Examples of every region and type with their last digits changed, and random digits."""
    for code, regions in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items():
        for region in regions:
            examples = [
                phonenumbers.example_number_for_type(region, kind)
                if region != "001"
                else phonenumbers.example_number_for_non_geo_entity(code)
                for kind in NAMES
            ]
            for example in filter(None, examples):
                digits = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
                yield digits
                for _ in range(MUTATIONS):
                    kept = random.randrange(len(str(code)) + 2, len(digits))
                    yield digits[:kept] + "".join(random.choices("0123456789", k=len(digits) - kept))
    codes = list(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)
    for _ in range(RANDOM):
        code = str(random.choice(codes + [1, 1, 1, 1, 1, 44, 7, 61] * 20))
        size = random.choice([7, 8, 9, 10, 10, 10, 11])
        yield "+" + code + "".join(random.choices("0123456789", k=size))


def plan(code):
    region = phonenumbers.region_code_for_country_code(code)
    return PhoneMetadata.metadata_for_region_or_calling_code(code, region)


def has_trunk(code, digits):
    # Mexico's old 1 and 0 are ours, see FORMER in spellings.py.
    trunks = ("0", "1") if code == 52 else plan(code).national_prefix
    return bool(trunks) and digits.removeprefix(f"+{code}").startswith(trunks)


def other_spellings(number, example):
    """Ways to write a number that begin with its country code: as it is written inside the country,
    and with the prefix for calls there, once or twice."""
    code = f"+{number.country_code}"
    data = plan(number.country_code)
    national = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
    mobile = phonenumbers.format_number_for_mobile_dialing(number, data.id, False)
    for written in (national, mobile):
        if not written.startswith("+"):
            yield code + phonenumbers.normalize_digits_only(written)
    trunk = data.national_prefix
    if trunk:
        yield code + trunk + example[len(code) :]
        yield code + trunk * 2 + example[len(code) :]


def canonical(digits):
    """(parsed, digits): what libphonenumber makes of a spelling, until it makes nothing else of it."""
    try:
        parsed = phonenumbers.parse(digits)
    except phonenumbers.NumberParseException:
        return None, None
    number = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    return (parsed, number) if number == digits else canonical(number)


@cache
def clock(name):
    with (ZONES / name).open("rb") as file:
        return ZoneInfo.from_file(file)


@cache
def kept_in():
    """{region: names}, from zone.tab."""
    table = {}
    for line in (ZONES / "zone.tab").read_text().splitlines():
        if not line.startswith("#"):
            region, _, name = line.split("\t")[:3]
            table.setdefault(region, []).append(name)
    return table


@cache
def alike(one, other):
    """Whether two zones keep the same time over the years in question."""
    day = dt.timedelta(days=1)
    when = dt.datetime.fromtimestamp(FIRST, dt.timezone.utc)
    for _ in range(730):
        if when.astimezone(clock(one)).utcoffset() != when.astimezone(clock(other)).utcoffset():
            return False
        when += day
    return True


def zones(parsed, region):
    """Zone names, or None where only the product's own documented choice decides."""
    kind = phonenumbers.number_type(parsed)
    names = timezone.time_zones_for_number(parsed)
    if names == ("Etc/Unknown",):
        return None
    geographic = phonenumbers.is_number_type_geographical(kind, parsed.country_code)
    if region in CAREFUL and not geographic and kind != Type.MOBILE:
        return None
    if region in INSTEAD:
        return INSTEAD[region]
    own = kept_in().get(region, [])
    if kind == Type.MOBILE and not geographic:
        # Anywhere in the country.
        names = [name for name in names if any(alike(name, other) for other in own)] or names
        return list(names) + (["Europe/Kaliningrad"] if region == "RU" else [])
    if UNUSUAL.get(region) in names:
        return None
    if region == "CU":
        return ["America/Havana"]
    if not geographic:
        # A service: the country's zone, if it has but one.
        return [own[0]] if own and all(alike(own[0], other) for other in own) else None
    if names == timezone._country_level_time_zones_for_number(parsed):
        names = [name for name in names if any(alike(name, other) for other in own)] or names
    return names


def quiet_until(names, start, end, now):
    def quiet(at):
        for name in names:
            local = dt.datetime.fromtimestamp(at, clock(name))
            time = local.hour * 60 + local.minute
            if (start <= time < end) if start < end else (time >= start or time < end):
                return True
        return False

    if not quiet(now):
        return 0
    at = now - now % 300
    while at <= now + 2 * 86_400:
        at += 300
        if not quiet(at):
            return at
    return -1


def main():
    located = []
    for digits in numbers():
        parsed, number = canonical(digits)
        # Canada's 310-xxxx is no international number, see plan.py.
        if not parsed or not 8 <= len(digits) <= 16 or re.fullmatch(r"\+1310\d{4}", digits):
            continue
        if number != digits:
            print("other", digits, number, sep="\t")
            continue
        region = phonenumbers.region_code_for_number(parsed)
        kind = phonenumbers.number_type(parsed)
        trunk = kind == Type.UNKNOWN and has_trunk(parsed.country_code, digits)
        print("number", digits, region or "-", NAMES[kind] + " trunk" * trunk, sep="\t")
        if kind != Type.UNKNOWN and (names := zones(parsed, region)):
            located.append(("careful" if region in CAREFUL else "quiet", digits, names))
        if kind != Type.UNKNOWN:
            for other in other_spellings(parsed, digits):
                _, number = canonical(other)
                if number and number != other and len(other) <= 16:
                    print("other", other, number, sep="\t")
    for what, digits, names in random.sample(located, CLOCKS):
        start, end = random.sample(range(0, 1440, 5), 2)
        now = random.randrange(FIRST, LAST)
        # Half of the cases lie near a change of the clock, if there is one within half a year.
        if random.random() < 0.5:
            now = near_a_change(clock(random.choice(names)), now)
        until = quiet_until(names, start, end, now)
        window = f"{start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}"
        print(what, digits, window, now, until, sep="\t")


def near_a_change(zone, now):
    offset = lambda at: dt.datetime.fromtimestamp(at, zone).utcoffset()
    for day in range(200):
        at = now + day * 86_400
        if offset(at) != offset(at + 86_400):
            return at + random.randrange(86_400)
    return now


main()
