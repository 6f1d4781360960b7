"""The rules of the Penn Treebank tokenizer, as a table.

Found out from the behaviour of version 3.4.1 of the Stanford tokenizer. What differs only in tokens
that are taken away afterwards, as the period that is added behind an abbreviation at the end of a
sentence, or the kinds of quotation marks, is left out.
"""

from collections.abc import Callable
from dataclasses import dataclass

import regex

from transforms.metrics.ptb_characters import DIGITS, LETTERS, SYMBOLS, character_class

_NAMES = {
    "L": rf"(?:[{character_class(LETTERS)}]|&[aeiouAEIOU](?:acute|grave|uml);)",
    "D": f"[{character_class(DIGITS)}]",
    "S": r"[ \t\u00a0\u2000-\u200a\u3000]",
    "H": r"[-_\u058a\u2010\u2011]",
    "A": r"(?:['\u0092\u2019]|&apos;)",
    "Q": r"(?:['`\u0092\u2019\u0091\u2018\u201b]|&apos;)",
}


def _named(pattern: str) -> str:
    """Fill in the names of other patterns, which stand in angle brackets."""
    return str(regex.sub(r"<([A-Z]+)>", lambda found: _NAMES[found[1]], pattern))


_NAMES["WORD"] = _named(r"(?:<L>(?:<L>|<D>)*+(?:[.!?]<L>(?:<L>|<D>)*+)*+)")
_NAMES["NUM"] = _named(r"(?:<D>++|<D>*+(?:[.:,\u00ad\u066b\u066c]<D>++)++)")
_NAMES["AUX"] = _named(r"(?:<A>(?:[msdMSD]|(?i:re|ve|ll)))")
_NAMES["NOT"] = _named(r"(?:[nN](?:<A>|`)[tT])")
_NAMES["ACRONYM"] = r"(?:[A-Za-z](?:\.[A-Za-z])++)"
_NAMES["ABBREVIATION"] = _named(
    r"(?:(?i:al|ala|apr|assn|aug|bancorp|bhd|bldg|blvd|bros|calif|cos?|colo|conn|corp|ct|dak|"
    r"dec|esq|est|etc|ext|feb|fla|fri|ga|inc|ind|intl|jan|jr|jul|jun|kans?|ky|ltd|mar|md|mich|"
    r"minn|mo|mon|mont|neb|nev|nov|oct|okla|penn|plc|rd|rt|sept?|seq|sq|sr|sys|tel|tenn|thurs?|"
    r"tues?|univ|va|vt|wed|wisc?|wyo)|A(?i:rk)|A(?i:z)|D(?i:el)|I(?i:ll)|L(?i:a)|M(?i:ass|iss)|"
    r"O(?i:re)|P(?i:a)|T(?i:ex)|W(?i:ash)|[Pp]p?t[ye]s?|(?i:ed|ph)\.[dD])"
)
_NAMES["TITLE"] = _named(
    r"(?:(?i:[a-z]|adj|adm|adv|alex|assoc|asst|attys?|ave|brig|capt|cf|cie|"
    r"co?mdr|cpl|dept|det|drs?|elec|ens|ft|gen|govs?|hon|insp|invt|jos|lt|lieut|maj|messrs|mlle|"
    r"mme|mr|mrs|ms|msgr|mt|natl|pfc|ph|pres|profs?|pvt|reps?|rev|sens?|sfc|sgt|spc|ste?|supts?|"
    r"treas|vs|wm|col)|[Mm](?:fg|tg)|<ACRONYM>)"
)
_NAMES["BEGINNING"] = (
    r"(?:A(?i:n|s|t|bout|ccording|dditionally|fter)?|B(?i:ut)|E(?i:arlier)|H(?i:e|er|ere|owever)|"
    r"I(?i:f|n|t)|L(?i:ast)|M(?i:any|ore)|N(?i:ow)|O(?i:nce|ne|ther|ur)|S(?i:he|ince|o|ome|uch)|"
    r"T(?i:hat|he|heir|hen|here|hese|hey|his)|W(?i:e|hat|hen|hile)|Y(?i:et|ou))"
)
_NAMES["EXTENSION"] = (
    r"(?i:bat|bmp|c|class|cgi|cpp|dll|doc|docx|exe|gif|gz|h|htm|html|jar|java|jpeg|jpg|mov|mp3|pdf|"
    r"php|pl|png|ppt|ps|py|sql|tar|txt|wav|x|xml|zip|wpd|wav)"
)
_NAMES["ALNUM"] = r"[A-Za-z0-9\u00ad]"

_NAMES["PART"] = _named(r"(?>(?:[dDoOlL]<Q><ALNUM>)?(?:<ALNUM>|<L>)++)")
_NAMES["THING"] = _named(r"(?:<PART>(?:<H><PART>)*+)")

_NAMES["NAME"] = r"(?:[A-Za-z][A-Za-z0-9_:.-]*+)"
_NAMES["HOST"] = r"""[^ \t\n\f\r"<>|.!?(){},]"""
_NAMES["SITE"] = r"""[^ \t\n\f\r"`'<>|.!?(){},-_$]"""
_NAMES["TOP"] = r"(?:com|net|org|edu)"
_NAMES["PATH"] = r"""(?:/[^ \t\n\f\r"<>|()]+[^ \t\n\f\r"<>|.!?(){},-])"""
_NAMES["MAILBOX"] = r"""(?:(?:&lt;)?[a-zA-Z0-9][^ \t\n\f\r"<>|()\u00a0{}]*)"""
_NAMES["DOMAIN"] = r"""[^ \t\n\f\r"<>|(){}.\u00a0]"""
_NAMES["LISTED"] = r"(?:[A-Za-z0-9][A-Za-z0-9.,\u00ad]*+)"
_NAMES["JOINED"] = _named(r"(?>-(?:<ACRONYM>\.|[A-Za-z0-9\u00ad]++))")
_NAMES["ENDED"] = r"(?:[^a-zA-Z0-9.+]|\.[^a-zA-Z0-9])"
_NAMES["RUN"] = _named(r"(?:<L>|<D>)++")
_NAMES["DOTTED"] = _named(r"(?:<EXTENSION>(?:<S>|[.?!,]))")

_Action = Callable[[str], str]


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """What makes one token.

    Attributes:
        pattern: matches the token, as group 1, and what must follow it.
        action: writes the token.
        reach: matches what the pattern reads in vain, of those that may read far: where a match
            from a place ends, and in all that is left of this, no other match begins, for it would
            have made the first one longer. None of those that read little more than they match.

    """

    pattern: regex.Pattern[str]
    action: _Action
    reach: regex.Pattern[str] | None


_QUOTES = {
    **dict.fromkeys("\u2018\u201b\u2039\u0091", "`"),
    **dict.fromkeys("\u2019\u203a\u0092", "'"),
    **dict.fromkeys("\u201c\u00ab\u0093", "``"),
    **dict.fromkeys("\u201d\u00bb\u0094", "''"),
}
_FRACTIONS = {"\u00bc": "1/4", "\u00bd": "1/2", "\u00be": "3/4", "\u2153": "1/3", "\u2154": "2/3"}
_NO_BREAK = "\u00a0"
"""A blank inside a token."""


def _as_it_is(text: str) -> str:
    return text


def _always(text: str) -> _Action:
    return lambda _: text


def _with_plain_apostrophe(text: str) -> str:
    return text.replace("&apos;", "'").replace("\u2019", "'").replace("\u0092", "'")


def _plain_quotes(text: str) -> str:
    return "".join(_QUOTES.get(mark, mark) for mark in text.replace("&apos;", "'"))


def _kept_together(text: str) -> str:
    return text.replace(" ", _NO_BREAK)


def _in_brackets(text: str) -> str:
    return text.replace("(", "-lrb-").replace(")", "-rrb-")


def _without_soft_hyphens(text: str) -> str:
    return text.replace("\u00ad", "")


# Texts may be written to take long: no pattern may need more than in proportion to what it reads.
_TABLE: tuple[tuple[str, str, _Action] | tuple[str, str, _Action, str], ...] = (
    ("(?i:can)", "(?i:not)", _as_it_is),
    ("(?i:gon|wan)", "(?i:na)", _as_it_is),
    ("(?i:got)", "(?i:ta)", _as_it_is),
    ("(?i:lem|gim)", "(?i:me)", _as_it_is),
    ("'[tT]", "(?i:is|was)", _as_it_is),
    (r"<[!?][A-Za-z-][^>\r\n]*+>", "", _kept_together, r"<[!?][A-Za-z-][^>\r\n]*+"),
    (
        (
            r"""</?[A-Za-z][A-Za-z0-9:.-]*+(?:[ ]++<NAME>(?:[ ]*+=[ ]*+"""
            r"""(?:'[^'\r\n]*+'|"[^"\r\n]*+"|<NAME>))?+)*+[ ]*+/?+[ ]*+>"""
        ),
        "",
        _kept_together,
    ),
    (r"&(?:mdash|MD);|[\u0096\u0097\u2013-\u2015]", "", _always("--")),
    (r"&amp;", "", _always("&")),
    (r"&(?:HT|TL|UR|LR|QC|QL|QR|odq|cdq|#[0-9]+);", "", _as_it_is),
    (r"<WORD>", "<AUX>", _without_soft_hyphens),
    (r"<L>(?:<L>|<D>)*", "<NOT>", _without_soft_hyphens),
    (r"<WORD>", "", _without_soft_hyphens),
    (
        (
            r"<A>[nN]<A>?|[lLdDjJ]<A>|Dunkin<A>|somethin<A>|ol<A>|<A>em|[A-HJ-XZn]<Q><L>{2}<L>*|"
            r"<A>[2-9]0s|<A>till?|<L><L>*[aeiouyAEIOUY]<Q>[aeiouA-Z]<L>*|<A>cause|cont'd\.?|"
            r"nor'easter|c'mon|e'er|s'mores|ev'ry|li'l|nat'l"
        ),
        "",
        _as_it_is,
    ),
    (r"[yY]<A>", "<L>", _as_it_is),
    (
        r"""(?>https?://[^ \t\n\f\r"<>|(){}]+[^ \t\n\f\r"'<>|.!?(){},-])""",
        "",
        _as_it_is,
    ),
    # All paths end at the same place: the first one is the longest. Without a path the last domain
    # makes the longest; so it does of the next rule, whose paths can follow the last domain only.
    (
        (
            r"(?>www\.(?:(?:<HOST>++\.(?![a-zA-Z]{2,4}/))*+<HOST>++\.[a-zA-Z]{2,4}<PATH>|"
            r"(?:(?:<HOST>++\.(?![a-zA-Z]{2}))*+<HOST>++\.(?=[a-zA-Z]{2}))++[a-zA-Z]{2,4}))"
        ),
        "",
        _as_it_is,
        r"www\.<HOST>++(?:\.<HOST>++)*+",
    ),
    (
        r"(?>(?:(?:<SITE>++\.(?!<TOP>))*+<SITE>++\.(?=<TOP>))++<TOP><PATH>?)",
        "",
        _as_it_is,
        r"<SITE>++(?:\.<SITE>++)*+",
    ),
    # The last @ makes the longest.
    (r"(?><MAILBOX>@<DOMAIN>++(?:\.<DOMAIN>++)*+)", "", _as_it_is, "<MAILBOX>+"),
    (r"@[A-Za-z_][A-Za-z_0-9]*|#<L>+|@+", "", _as_it_is),
    (r"<AUX>|<NOT>", "[^A-Za-z]", _with_plain_apostrophe),
    (r"<D>{1,2}[-/]<D>{1,2}[-/]<D>{2,4}", "", _as_it_is),
    (r"[-+]?<NUM>", "", _as_it_is),
    (
        "[\u207a\u207b\u208a\u208b]?(?:[\u2070\u00b9\u00b2\u00b3\u2074-\u2079]+|[\u2080-\u2089]+)",
        "",
        _as_it_is,
    ),
    (
        r"(?:<D>{1,4}[- \u00a0])?<D>{1,4}(?:\\?/|\u2044)<D>{1,4}",
        "",
        lambda text: text.replace("\\/", "/").replace("\u2044", "/").replace(" ", _NO_BREAK),
    ),
    (r"[\u00bc\u00bd\u00be\u2153\u2154]", "", lambda text: _FRACTIONS[text]),
    (
        r"-(?:RRB|LRB|RCB|LCB|RSB|LSB)-|C\.D\.s|pro-|anti-|S(?:&|&amp;)P-500|S(?:&|&amp;)Ls",
        "",
        _as_it_is,
    ),
    (r"(?:Cap<A>n|c<A>est)", "", _as_it_is),
    (r"(?:E|Yahoo|Jeopardy)!", "", _as_it_is),
    (r"[A-Za-z0-9]+(?:-[A-Za-z]+){0,2}(?:\\?/[A-Za-z0-9]+(?:-[A-Za-z]+){0,2}){1,2}", "", _as_it_is),
    (r"[A-Z]*\$|#", "", _as_it_is),
    (r"\u00a2", "", _always("cents")),
    (r"\u00a3", "", _always("#")),
    (r"[\u0080\u00a4\u20a0\u20ac]", "", _always("$")),
    # The period of a letter that ends a sentence is none of its own.
    (r"[A-Za-z]", r"\.[ \t\n]+(?:<BEGINNING>[ \t\n]|</?[A-Za-z!?])", _as_it_is),
    (r"<ABBREVIATION>\.", r"(?:[^\n].)?", _as_it_is),
    (r"<TITLE>\.", "", _as_it_is),
    ("[cC]#", "", _as_it_is),
    (r"(?i:art|ca|fig|nos?|op|pp?|prop)\.", "<S>?<D>", _as_it_is),
    (r"c/o|w/o", "<S>", _as_it_is),
    (
        (
            r"(?>(?:(?:<RUN>(?:[-_]|\.(?!<DOTTED>)))*+<RUN>\.(?=<DOTTED>))++"
            r"<EXTENSION>(?=<S>|[.?!,]))"
        ),
        "<S>|[.?!,]",
        _as_it_is,
        "<RUN>(?:[-._]<RUN>)*+",
    ),
    (r"(?:<WORD>|<NUM>|<THING>)\.", "[,;:\u3001]", _without_soft_hyphens),
    (
        (
            r"(?:\([0-9]{2,3}\)[ \u00a0]?|(?:\+\+?)?(?:[0-9]{2,4}[- \u00a0])?[0-9]{2,4}[- \u00a0])"
            r"[0-9]{3,4}[- \u00a0]?[0-9]{3,5}|"
            r"(?:(?:\+\+?)?[0-9]{2,4}\.)?[0-9]{2,4}\.[0-9]{3,4}\.[0-9]{3,5}"
        ),
        "",
        lambda text: _kept_together(_in_brackets(text)),
    ),
    (r'"|&quot;', "", _always("''")),
    (r"<|&lt;", "", _always("<")),
    (r">|&gt;", "", _always(">")),
    (r"[<>]?[:;=][-o*']?[()DPdpO\\{@|\[\]]", "[^A-Za-z0-9]", _in_brackets),
    (r"[-^x=~<>']_[-^x=~<>']|\([-^x=~<>'][_.]?[-^x=~<>']\)", "", _in_brackets),
    (r"<A>[0-9]{2}", r"[ \t\n\u00a0]", _as_it_is),
    (r"'", r"[A-Za-z][^ \t\n\u00a0]", _always("'")),
    (r"&nbsp;|&NBSP;", "", _always("")),
    (r"\{", "", _always("-lcb-")),
    (r"\}", "", _always("-rcb-")),
    (r"\[", "", _always("-lsb-")),
    (r"\]", "", _always("-rsb-")),
    (r"\(", "", _always("-lrb-")),
    (r"\)", "", _always("-rrb-")),
    (r"-+", "", lambda text: text if len(text) < 3 else "--"),
    (r"\.{3,5}|(?:\.[ \u00a0]){2,4}\.|\u2026", "", _always("...")),
    (r"\*+|#{2,}|(?:\\\*){1,3}", "", _as_it_is),
    (r"[,;:\u3001]", "", _as_it_is),
    (r"[?!]+", "", _as_it_is),
    (r"=|/|\.|_+", "", _as_it_is),
    (
        (
            r"(?><LISTED>(?:<JOINED>(?=<JOINED>))*+-(?:<ACRONYM>\.|[A-Za-z0-9\u00ad]+)(?=<ENDED>)|"
            r"<LISTED>(?:<JOINED>(?=<JOINED>))++)"
        ),
        "<ENDED>",
        _without_soft_hyphens,
        "<LISTED>",
    ),
    (r"<LISTED><JOINED>++\.", "[,;:\u3001]", _without_soft_hyphens, "<LISTED>"),
    ("<THING>", "", _without_soft_hyphens),
    (r"[A-Z]++(?:(?:[+&]|&amp;)[A-Z]++)++", "", lambda text: text.replace("&amp;", "&")),
    (r"<AUX>|<NOT>", "", _with_plain_apostrophe),
    (
        r"<A>|[`\u2018\u2019\u201b-\u201d\u2039\u203a\u00ab\u00bb\u0091-\u0094]{1,2}",
        "",
        _plain_quotes,
    ),
    (rf"[+%&~^|\\'`@$*_=<>\[\]{character_class(SYMBOLS)}]", "", _as_it_is),
)


def _compiled(pattern: str) -> regex.Pattern[str]:
    # Of a pattern without an alternative the whole text is searched at each place for what the
    # pattern cannot do without.
    return regex.compile(f"{pattern}|(?!)")


def _rule(main: str, after: str, action: _Action, reach: str = "") -> Rule:
    return Rule(
        pattern=_compiled(f"(?p)({_named(main)})(?:{_named(after)})"),
        action=action,
        reach=_compiled(_named(reach)) if reach else None,
    )


RULES = tuple(_rule(*row) for row in _TABLE)
"""All rules, in their order."""

BEFORE_NUMBERS = regex.compile(r"(?i:art|ca|fig|nos?|op|pp?|prop)\.")
"""Abbreviations only where a number follows."""
