"""One error for everything that a payload can have wrong."""


class WireError(ValueError):
    """A payload or record that breaks the contract.

    ``code`` is a short stable word (it becomes the reason of a quarantine entry), ``args[0]`` a sentence for people.
    """

    def __init__(self, code: str, sentence: str):
        super().__init__(sentence)
        self.code = code
