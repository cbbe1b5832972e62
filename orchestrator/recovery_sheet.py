"""The sheet of paper that a holder of a share of a territory's key gets, in French, as PDF."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

COLUMNS = 3
LIKE = {"’": "'", "‘": "'", "“": '"', "”": '"', "…": "...", "–": "-", "—": "-", "œ": "oe", "Œ": "OE", "€": "EUR"}


@dataclass(frozen=True)
class Sheet:
    """What stands on it.

    Attributes:
        territory: the name.
        domain: its domain.
        partner: who runs it.
        contact: the partner's address.
        holder: who keeps this sheet.
        share: its words.
        needed: how many sheets give the key.
        holders: how many there are.
        made: the day.
        peers: territories that keep the backups, each with its contact.
    """

    territory: str
    domain: str
    partner: str
    contact: str
    holder: str
    share: str
    needed: int
    holders: int
    made: date
    peers: Sequence[tuple[str, str]]


def pdf(sheet: Sheet) -> bytes:
    """Draw it: one page of A4."""
    from fpdf import FPDF

    page = FPDF(format="A4")
    page.set_title(f"Part de la clé du territoire {sheet.territory}")
    page.set_auto_page_break(auto=False)
    page.set_margin(20)
    page.add_page()

    def line(text: str, size: int = 11, style: str = "", after: float = 2) -> None:
        page.set_font("helvetica", style, size)
        page.multi_cell(0, size * 0.5, _latin(text), new_x="LMARGIN", new_y="NEXT")
        page.ln(after)

    line(f"Territoire {sheet.territory} ({sheet.domain})", 18, "B", 1)
    line(f"Une part de sa clé, confiée à {sheet.holder}", 14, "", 6)
    line(
        f"Avec {sheet.needed} des {sheet.holders} feuilles comme celle-ci, on retrouve la clé du territoire, et avec "
        "elle les sauvegardes de tous ses abonnés, même si sa machine et l'ordinateur du partenaire sont perdus. "
        f"Avec moins de {sheet.needed} feuilles, on n'apprend rien."
    )
    line("Gardez-la comme un testament : au sec, hors de vue, jamais photographiée ni recopiée.", 11, "B")
    line("Ne la donnez qu'à quelqu'un que vous connaissez, venu pour relancer le territoire ; notez à qui et quand.")
    line(f"Partenaire : {sheet.partner}, {sheet.contact}", after=1)
    if sheet.peers:
        peers = " ; ".join(f"{name} ({contact})" for name, contact in sheet.peers)
        line(f"Les sauvegardes sont chez : {peers}", after=1)
    line(f"Feuilles faites le {sheet.made:%d/%m/%Y}. Si de nouvelles sont faites, détruisez celle-ci.", after=6)
    words = sheet.share.split()
    rows = -(-len(words) // COLUMNS)
    page.set_font("courier", "B", 13)
    for row in range(rows):
        for column in range(COLUMNS):
            if (index := row + column * rows) < len(words):
                page.cell(57, 9, f"{index + 1:2} {words[index]}", border=1)
        page.ln(9)
    page.ln(6)
    line("Pour relancer le territoire", 12, "B", 1)
    for step in (
        "Les mots sont anglais : c'est la liste d'une norme (SLIP-39), la même dans le monde entier.",
        "1. Une machine neuve sous Debian 13, et un ordinateur avec Maillage.",
        "2. Le dossier du territoire, que le partenaire garde dans un dépôt git.",
        f"3. « python -m orchestrator recovery restore {sheet.territory} », et les mots de {sheet.needed} feuilles.",
        f"4. « python -m orchestrator restore {sheet.territory} » : tout revient depuis les pairs.",
    ):
        line(step, after=0)
    return bytes(page.output())


def can_show(text: str) -> bool:
    """Whether a text stands on a sheet as it is written."""
    return _latin(text).count("?") == text.count("?")


def _latin(text: str) -> str:
    """What the fonts that every reader of PDF has can show; other letters become question marks."""
    for letter, shown in LIKE.items():
        text = text.replace(letter, shown)
    return text.encode("latin-1", "replace").decode("latin-1")
