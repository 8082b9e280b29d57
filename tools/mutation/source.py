"""source.py - what can be changed in a C file, token by token: the mutants of one file."""
import hashlib
import re

TOKEN = re.compile(r"""
    (?P<blank>\s+)
  | (?P<comment>/\*.*?\*/|//[^\n]*)
  | (?P<directive>(?m:^)[ \t]*\#(?:\\\n|/\*.*?\*/|[^\n])*)
  | (?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
  | (?P<number>0[xX][0-9a-fA-F]+[uUlL]*|\d[\w.]*)
  | (?P<name>[A-Za-z_]\w*)
  | (?P<sign><<=|>>=|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|\.\.\.|.)
""", re.S | re.X)

# Calls that tell, and change nothing.
SILENT = {"tpi_assert", "tpi_unreachable", "tpp_abort", "tpp_probe", "static_assert",
          "_Static_assert", "sizeof", "TPP_PROBE"}
NO_EXPRESSION = {"if", "for", "while", "return", "switch", "case", "default", "goto", "break",
                 "continue", "do", "else", "struct", "const", "static", "enum", "union", "sizeof",
                 "static_assert", "_Static_assert", "__asm__"}
SWAPS = {
    "compare": {"<": ["<=", ">="], "<=": ["<", ">"], ">": [">=", "<="], ">=": [">", "<"],
                "==": ["!="], "!=": ["=="]},
    "arithmetic": {"+": ["-"], "-": ["+"], "+=": ["-="], "-=": ["+="], "++": ["--"], "--": ["++"]},
    "logic": {"&&": ["||"], "||": ["&&"]},
    "bits": {"&": ["|"], "|": ["&"], "^": ["|"], "|=": ["&="], "&=": ["|="], "<<": [">>"],
             ">>": ["<<"]},
}
# One step weaker. The copy of the tree has the relaxed forms of those that have no half.
ORDERS = {
    "tpp_load_acquire": ["tpp_load_relaxed"],
    "tpp_store_release": ["tpp_store_relaxed"],
    "tpp_exchange_acq_rel": ["tpp_exchange_relaxed"],
    "tpp_add_acq_rel": ["tpp_add_relaxed"],
    "tpp_sub_acq_rel": ["tpp_sub_relaxed"],
    "tpp_or_acq_rel": ["tpp_or_relaxed"],
    "tpp_and_acq_rel": ["tpp_and_relaxed"],
    "tpp_cas_acquire": ["tpp_cas_relaxed"],
    "tpp_cas_release": ["tpp_cas_relaxed"],
    "tpp_cas_acq_rel": ["tpp_cas_acquire", "tpp_cas_release"],
    "tpp_fence_seq_cst": ["(void)"],
}


class Token:
    def __init__(self, kind, text, start):
        self.kind, self.text, self.start, self.end = kind, text, start, start + len(text)


def tokens_of(text):
    """The tokens of C that mean something: no blanks, comments or directives."""
    return [Token(found.lastgroup, found.group(), found.start()) for found in TOKEN.finditer(text)
            if found.lastgroup not in ("blank", "comment", "directive")]


def squeezed(text):
    """The text in one layout, to compare by tokens."""
    return " ".join(token.text for token in tokens_of(text))


class Mutant:
    """One change: text[start:end] becomes `new`."""

    def __init__(self, source, function, operator, start, end, new):
        text = source.text
        self.file, self.function, self.operator = source.name, function, operator
        self.start, self.end = start, end
        self.new = new + "\n" * (text.count("\n", start, end) - new.count("\n"))
        self.line = text.count("\n", 0, start) + 1
        first, last = text.rfind("\n", 0, start) + 1, text.find("\n", end)
        self.before = text[first:last]
        self.after = text[first:start] + new + text[end:last]
        self.id = ""

    def name(self, seen):
        """An id that stays while the lines and their function stay, wherever they move."""
        key = "|".join([self.file, self.function, self.operator, squeezed(self.before),
                        squeezed(self.after)])
        seen[key] = seen.get(key, 0) + 1
        self.id = hashlib.sha1(("%s|%d" % (key, seen[key])).encode()).hexdigest()[:8]

    def entry(self):
        """What the log says of it, but for what came of it."""
        return {"id": self.id, "file": self.file, "line": self.line, "function": self.function,
                "operator": self.operator, "before": self.before, "after": self.after}

    def apply(self, text):
        return text[:self.start] + self.new + text[self.end:]


class Source:
    """A file: its tokens, and which of them stand in a function, where."""

    def __init__(self, name, text):
        self.name, self.text = name, text
        self.tokens = tokens_of(text)
        self.partner = self.match()
        self.skipped = self.skip()

    def match(self):
        """The index of each bracket's partner."""
        partner, stack = {}, []
        for i, token in enumerate(self.tokens):
            if token.kind == "sign" and token.text in "([{":
                stack.append(i)
            elif token.kind == "sign" and token.text in ")]}" and stack:
                partner[i] = stack.pop()
                partner[partner[i]] = i
        return partner

    def skip(self):
        """Tokens that are not changed: assertions, sizes in declarations, labels of a case."""
        skipped = set()
        tokens = self.tokens
        for i, token in enumerate(tokens[:-1]):
            if token.text in SILENT and tokens[i + 1].text == "(":
                skipped.update(range(i, self.partner[i + 1] + 1))
            elif token.text == "case":
                while tokens[i].text != ":":
                    skipped.add(i)
                    i += 1
            elif (token.text == "[" and i > 1 and tokens[i - 1].kind == "name" and
                  (tokens[i - 2].kind == "name" and tokens[i - 2].text != "return" or
                   tokens[i - 2].text == "*" and tokens[i - 3].kind == "name")):
                skipped.update(range(i, self.partner[i] + 1))
        return skipped

    def functions(self):
        """(name, kind of its result, index of {, index of }): bodies begin in the first column."""
        begin = 0
        for i, token in enumerate(self.tokens):
            if token.text in (";", "}") and self.at_margin(token):
                begin = i + 1
            if token.text != "{" or not self.at_margin(token):
                continue
            head = self.tokens[begin:i]
            name = next((at for at, word in enumerate(head[:-1])
                         if word.kind == "name" and head[at + 1].text == "(" and at > 0
                         and word.text != "__attribute__"), None)
            if name is not None:
                yield (head[name].text, result_of([word.text for word in head[:name]]), i,
                       self.partner[i])
            begin = self.partner[i] + 1

    def at_margin(self, token):
        line = self.text.rfind("\n", 0, token.start) + 1
        return line == token.start or (token.text == ";" and
                                       not self.text[line:line + 1].isspace())

    def mutants(self, orders):
        found, seen = [], {}
        for function, result, first, last in self.functions():
            for i in range(first + 1, last):
                if i in self.skipped:
                    continue
                changes = self.weaken(i) if orders else self.change(i, result)
                for operator, start, end, new in changes:
                    found.append(Mutant(self, function, operator, start, end, new))
        for mutant in found:
            mutant.name(seen)
        return found

    def weaken(self, i):
        token = self.tokens[i]
        for new in ORDERS.get(token.text, []):
            end = self.tokens[i + 2].end if new == "(void)" else token.end
            yield "order", token.start, end, "(void)0" if new == "(void)" else new

    def change(self, i, result):
        token = self.tokens[i]
        if token.kind == "number":
            yield from constant(token)
        elif token.text in ("true", "false"):
            yield "constant", token.start, token.end, {"true": "false"}.get(token.text, "true")
        elif token.text == "return":
            yield from self.other_result(i, result)
        elif token.text in ("if", "while") and self.tokens[i + 1].text == "(":
            yield from self.negate(i + 1)
        elif token.text == "?":
            yield from self.swap_branches(i)
        elif token.kind == "sign":
            yield from self.operator(i)
        if self.begins_statement(i):
            yield from self.drop(i)

    def operator(self, i):
        token, before = self.tokens[i], self.tokens[i - 1]
        if token.text in ("!", "~"):
            yield "bits" if token.text == "~" else "condition", token.start, token.end, ""
        binary = (before.kind in ("number", "text") or before.text in (")", "]") or
                  before.kind == "name" and before.text != "return")
        spaced = self.text[token.start - 1].isspace() and self.text[token.end].isspace()
        if token.text not in ("++", "--") and not (binary and spaced):
            return
        for kind, swaps in SWAPS.items():
            for new in swaps.get(token.text, []):
                yield kind, token.start, token.end, new
        after = self.tokens[i + 1]
        if token.text == "|" and re.match(r"[A-Z]\w*$", after.text):
            if self.tokens[i + 2].text != "(":
                yield "flag", token.start, after.end, ""

    def negate(self, opening):
        """Left out where changing == or ! alone comes to the same."""
        inner = self.tokens[opening + 1:self.partner[opening]]
        words, depth = set(), 0
        for token in inner:
            depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(token.text, 0)
            if depth == 0:
                words.add(token.text)
        if words & {"==", "!=", "!"} and not words & {"&&", "||"}:
            return
        start, end = inner[0].start, inner[-1].end
        yield "condition", start, end, "!(%s)" % self.text[start:end]

    def swap_branches(self, i):
        depth, at, middle = 0, i + 1, None
        while True:
            word = self.tokens[at].text
            if at in self.partner and word in "([{":
                at = self.partner[at]
            elif word == "?":
                depth += 1
            elif word == ":" and depth == 0 and middle is None:
                middle = at
            elif word == ":" and depth > 0:
                depth -= 1
            elif word in (")", "]", "}", ";", ",", ":"):
                break
            at += 1
        start, end = self.tokens[i + 1].start, self.tokens[at - 1].end
        one = self.text[start:self.tokens[middle - 1].end]
        other = self.text[self.tokens[middle + 1].start:end]
        yield "branches", start, end, "%s : %s" % (other, one)

    def other_result(self, i, result):
        end = self.semicolon(i)
        if end is None or end == i + 1:
            return
        start, stop = self.tokens[i + 1].start, self.tokens[end].start
        value = self.text[start:stop]
        if result == "bool" and value not in ("true", "false"):
            yield "result", start, stop, "!(%s)" % value
        elif result == "pointer" and value != "NULL":
            yield "result", start, stop, "NULL"
        elif result == "number":
            for new in ("0", "1"):
                if value != new:
                    yield "result", start, stop, new

    def semicolon(self, i):
        """Where the statement ends; None: it is none, but something in brackets."""
        while self.tokens[i].text != ";":
            if self.tokens[i].text in ")]}":
                return None
            i = (self.partner[i] if self.tokens[i].text in "([{" else i) + 1
        return i

    def begins_statement(self, i):
        before = self.tokens[i - 1].text
        if before == ")":
            opening = self.partner[i - 1]
            return self.tokens[opening - 1].text in ("if", "while", "for", "switch")
        if before == ":":
            return self.tokens[i - 3].text in (";", "{", "}", "case")
        if before not in (";", "{", "}", "else", "do"):
            return False
        return True

    def drop(self, i):
        """A call or an assignment that is a statement of its own."""
        first = i
        while self.tokens[i].text in ("*", "++", "--"):
            i += 1
        if self.tokens[i].text == "(" and self.tokens[i + 1].text == "void":
            i += 3
        token, after = self.tokens[i], self.tokens[i + 1]
        if token.kind != "name" or token.text in NO_EXPRESSION or token.text in SILENT:
            return
        if after.kind == "name" or after.text in ("*", ":", ";"):
            return
        end = self.semicolon(i)
        if end is not None:
            yield "statement", self.tokens[first].start, self.tokens[end].start, ""


def result_of(words):
    if "*" in words:
        return "pointer"
    if "bool" in words:
        return "bool"
    return "none" if "void" in words or "struct" in words else "number"


def constant(token):
    digits = re.match(r"(0[xX][0-9a-fA-F]+|\d+)([uUlL]*)$", token.text)
    if not digits:
        return
    value = int(digits.group(1), 16 if digits.group(1)[:2].lower() == "0x" else 10)
    for new in [value + 1] + ([value - 1] if value > 0 else []):
        yield "constant", token.start, token.end, "%d%s" % (new, digits.group(2))
