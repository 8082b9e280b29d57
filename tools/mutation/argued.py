"""argued.py - reads what was argued of mutants that no test can notice; a stale entry is an error.

The file has blocks, set apart by empty lines; lines that begin with # are comments. A block:

    core/queue/ring.c tpi_ring_push
    - the line, or lines, as they are
    + and as they would be
    one sentence or more: why nobody can tell

Lines are compared token by token, so neither numbers nor layout matter. All mutants of the function
that read so are meant. For memory orders there is a short form: without a + each - is one line of
the function, and all that is weaker in it is meant. What no entry of that form names is tried.
"""
import os
import sys

from source import squeezed


class Argued:
    def __init__(self, path, mutants, orders):
        self.reasons = {}
        entries = {}
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                for block in file.read().split("\n\n"):
                    self.read(block, entries, path)
        there = set()
        for mutant in mutants:
            there.update(keys_of(mutant))
        for key, (reason, order) in entries.items():
            if order != orders:
                continue
            if key not in there:
                sys.exit("mutate: stale entry in %s:\n%s %s\n- %s\n+ %s" % ((path,) + key))
            self.reasons[key] = reason

    @staticmethod
    def read(block, entries, path):
        lines = [line for line in block.splitlines() if line.strip() and line[0] != "#"]
        if not lines:
            return
        before = [line[1:] for line in lines if line[0] == "-"]
        after = [line[1:] for line in lines if line[0] == "+"]
        reason = " ".join(line.strip() for line in lines[1:] if line[0] not in "-+")
        where = lines[0].split()
        if len(where) != 2 or not before or not reason:
            sys.exit("mutate: %s: not an entry:\n%s" % (path, block))
        if after:
            before, after = "\n".join(before), "\n".join(after)
            key = key_of(where[0], where[1], before, after)
            entries[key] = reason, weaker(before, after)
            return
        for line in before:
            entries[key_of(where[0], where[1], line, "")] = reason, True

    def reason(self, mutant):
        exact, line = keys_of(mutant)
        return self.reasons.get(exact) or self.reasons.get(line)


def weaker(before, after):
    """Whether it is about a memory order."""
    def ordered(text):
        return sum(text.count(word) for word in ("_acquire", "_release", "_acq_rel", "_seq_cst"))
    def relaxed(text):
        return text.count("_relaxed")
    return (ordered(after) < ordered(before) or relaxed(after) > relaxed(before) or
            before.replace("cas_acq_rel", "") != before and "cas_acq_rel" not in after)


def keys_of(mutant):
    """That of a whole entry, and that of the short form."""
    return (key_of(mutant.file, mutant.function, mutant.before, mutant.after),
            key_of(mutant.file, mutant.function, mutant.before, ""))


def key_of(file, function, before, after):
    return file, function, squeezed(before), squeezed(after)
