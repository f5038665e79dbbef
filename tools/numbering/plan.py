"""A country code's numbering plan as libphonenumber has it, walked digit by digit."""

from functools import cache

import phonenumbers
from phonenumbers.phonemetadata import PhoneMetadata

from patterns import EMPTY, accepts, digits, language, repeat, sequence, step

# In the order in which libphonenumber asks (phonenumberutil._number_type_helper).
TYPES = [
    "premium_rate",
    "toll_free",
    "shared_cost",
    "voip",
    "personal_number",
    "pager",
    "uan",
    "voicemail",
    "fixed_line",
    "mobile",
]
DIGIT = digits("0123456789")


class Plan:
    """Known numbers of one country code: each digit string is (region, type), or nothing."""

    def __init__(self, code):
        self.code = code
        self.regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE[code]
        # Canada's seven-digit 310-xxxx cannot be reached from outside and hides Los Angeles.
        self.shortest = 10 if code == 1 else 1
        # (region, type or None for "the leading digits say so", may a number merely begin so)
        self.sources = []
        languages = []
        for region in self.regions:
            data = self.metadata(region)
            if data.leading_digits:
                anything = repeat(DIGIT, 0, 15)
                self.sources.append((region, None))
                languages.append(sequence(language(data.leading_digits), anything))
            for name in TYPES:
                desc = getattr(data, name)
                pattern = desc.national_number_pattern if desc else None
                if pattern and max(desc.possible_length) >= self.shortest:
                    self.sources.append((region, name))
                    languages.append(language(pattern))
        self.start = tuple(languages)
        self.dead = tuple(EMPTY for _ in languages)

    def metadata(self, region):
        return PhoneMetadata.metadata_for_region_or_calling_code(self.code, region)

    @cache
    def step(self, state, digit):
        """What may follow `digit`, or None where nothing is known to."""
        after = tuple(step(node, digit) for node in state)
        return None if after == self.dead else after

    def after(self, prefix):
        state = self.start
        for digit in prefix:
            state = state and self.step(state, digit)
        return state

    @cache
    def at(self, state):
        """(region, type) of the number that ends here, or None."""
        here = [source for source, node in zip(self.sources, state) if accepts(node)]
        typed = {}
        for region, name in here:
            if name:
                typed.setdefault(region, name)
        for region in self.regions:
            # libphonenumber asks a region with leading digits for nothing else.
            if (region, None) in here:
                return (region, typed.get(region))
            if region in typed and not self.metadata(region).leading_digits:
                return (region, typed[region])
        return None
