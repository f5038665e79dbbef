"""The parameters of a form, for Twilio's Python SDK."""


class Parameters(dict):
    """What a web framework hands to the SDK: several values under one name."""

    def __init__(self, pairs):
        super().__init__()
        for name, value in pairs:
            self.setdefault(name, []).append(value)

    def getlist(self, name):
        return self[name]
