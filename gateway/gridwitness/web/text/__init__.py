"""Words of the pages in both languages.

One table for each area holds the Chinese and the English words of a key side by side, so that no language can lack a key.
Templates ask by key; a missing key is an error, not an English word on a Chinese page.
"""

from collections.abc import Mapping

from gridwitness.web.text import frame, pages, records, terms

LANGUAGES = ("zh", "en")
HTML_LANGUAGE = {"zh": "zh-CN", "en": "en"}
AREAS = (frame, terms, pages, records)
CATALOGUES: Mapping[str, Mapping[str, str]] = {
    language: {key: words[column] for area in AREAS for key, words in area.WORDS.items()} for column, language in enumerate(LANGUAGES)
}


class Words:
    """The words of one language: ``words("nav.overview")``, with ``{names}`` filled in from keyword arguments."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._catalogue = CATALOGUES[language]

    def __call__(self, key: str, **values: object) -> str:
        """The words of a key; KeyError for a key that the catalogue lacks."""
        words = self._catalogue[key]
        return words.format(**values) if values else words

    def known(self, key: str, otherwise: str) -> str:
        """The words of a key that data name (a detector, a reason code), or the data's own word."""
        return self._catalogue.get(key, otherwise)

    def of(self, names: Mapping[str, str]) -> str:
        """A name that the register gives in several languages."""
        return names.get(self.language) or next(iter(names.values()), "")
