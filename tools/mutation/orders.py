"""orders.py - all weaker memory orders in one build, each behind a switch, found out in groups.

A run with all of them on fails where any of them is noticed: halving the group tells which. So what
nobody notices costs one run for all, and not one for each.
"""
import os
import threading

from source import Source
from trial import Tree

SWITCH = "extern unsigned char tpp_mutants[%d];\n#line 1\n"
# Turned on by TPP_MUTANTS: numbers, with a comma between each two.
SWITCHES = """
#include <stdlib.h>
unsigned char tpp_mutants[%d];
static __attribute__((constructor)) void tpp_choose_mutants(void)
{
    char *rest = getenv("TPP_MUTANTS");
    while (rest && *rest)
        tpp_mutants[strtol(*rest == ',' ? rest + 1 : rest, &rest, 10)] = 1;
}
"""
HOME = "core/os/lock.c"  # where the switches live: it is in both worlds


def switched(sources, numbers):
    """{name: text}: the files with all mutants in them. `numbers`: {id: number of its switch}."""
    texts, size = {}, len(numbers) + 1
    for source in sources:
        sites = {}
        for mutant in source.mutants(True):
            if mutant.id in numbers:
                sites.setdefault(mutant.start, []).append((numbers[mutant.id], mutant))
        if sites or source.name == HOME:
            body = rendered(source, 0, len(source.text), sites)
            texts[source.name] = SWITCH % size + body
            if source.name == HOME:
                texts[source.name] += SWITCHES % size
    return texts


def rendered(source, begin, end, sites):
    """The text between the two, with a choice at each site; lines stay where they are."""
    out, at = "", begin
    for i, token in enumerate(source.tokens):
        if token.start < at or token.start >= end or token.start not in sites:
            continue
        close = source.tokens[source.partner[i + 1]]
        inside = rendered(source, source.tokens[i + 1].end, close.start, sites)
        lines = source.text.count("\n", token.start, close.end)
        inside = inside.replace("\n", " ")
        choice = "%s(%s)" % (token.text, inside)
        for number, mutant in sites[token.start]:
            weaker = mutant.new.strip()
            weaker = weaker if weaker == "(void)0" else "%s(%s)" % (weaker, inside)
            choice = "(tpp_mutants[%d] ? %s : %s)" % (number, weaker, choice)
        if len(sites[token.start]) == 2:
            choice = "(tpp_mutants[%d] && tpp_mutants[%d] ? tpp_cas_relaxed(%s) : %s)" % (
                sites[token.start][0][0], sites[token.start][1][0], inside, choice)
        out += source.text[at:token.start] + choice + "\n" * lines
        at = close.end
    return out + source.text[at:end]


class Hunt:
    """`run(trial, numbers)` says which case fails with these switched on, or None."""

    def __init__(self, run, tell, dead):
        self.run, self.tell, self.dead = run, tell, dead

    def all(self, numbers, trials):
        """Ends with the trials. Within a group nothing fails but by a single one."""
        groups = [sorted(numbers)]
        for trial in trials:
            groups = [[number for number in group if number not in self.dead] for group in groups]
            groups = [left for group in groups for left in self.sift(trial, group)]
            print("# %s passes with %s" % (
                trial.name, " and ".join(str(len(group)) for group in groups)), flush=True)

    def sift(self, trial, group):
        """Takes out of the group whatever this trial notices; returns what is left as one group or,
        if only some together are noticed, as several."""
        if not group:
            return []
        case = self.run(trial, group)
        if not case:
            return [group]
        if len(group) == 1:
            self.dead.add(group[0])
            self.tell(group[0], trial, case)
            return []
        middle = len(group) // 2
        parts = self.sift(trial, group[:middle]) + self.sift(trial, group[middle:])
        return self.joined(trial, parts)

    def joined(self, trial, parts):
        """Groups that may be together are put together again."""
        whole = []
        for part in parts:
            for at, other in enumerate(whole):
                if not self.run(trial, other + part):
                    whole[at] = other + part
                    break
            else:
                whole.append(part)
        return whole


def wanted(build, test):
    """Weak memory shows wrong words; ThreadSanitizer, which hides those, shows races."""
    if build == "plain":
        conformance = test["name"].startswith("scenario/conformance_")
        return test["name"].endswith("_weak") != conformance
    return test["name"].startswith("core/") or (
        test["name"].startswith("scenario/") and not test["name"].endswith(("_weak", "_faults")))


def weakened(test):
    """The suite runs the conformance tests with failing calls, and weak only for a moment."""
    words = ["--weak" if word == "--sweep-faults" else word for word in test["cmd"]]
    ending = "" if test["name"].endswith("_weak") else "_weak"
    return dict(test, cmd=words, name=test["name"] + ending)


def phase_of(trial):
    if trial.world == "real":
        return 5
    return 2 * trial.level + (trial.build == "tsan")


def orders_campaign(root, home, todo, settings):
    """What came of each: {id, state, ...}. A trial that takes longer than --seconds is left out."""
    log, results = settings["log"], {}
    open_ones = []
    for mutant in todo:
        known = log.known.get(mutant.id) if settings["resume"] else None
        if known and known["state"] == "killed":
            results[mutant.id] = dict(known, line=mutant.line)
        elif settings["argued"].reason(mutant):
            results[mutant.id] = dict(mutant.entry(), state="argued")
        else:
            open_ones.append(mutant)
    if not open_ones or settings["told"]:
        return [results.get(mutant.id) or dict(mutant.entry(), state="survived")
                for mutant in todo]
    number_of = {mutant.id: number + 1 for number, mutant in enumerate(todo)}
    by_number = {number_of[mutant.id]: mutant for mutant in open_ones}
    sources = []
    for name in sorted({mutant.file for mutant in todo} | {HOME}):
        with open(os.path.join(root, name), encoding="utf-8") as file:
            sources.append(Source(name, file.read()))
    tree = Tree(root, os.path.join(home, "1"), ["plain", "tsan"], switched(sources, number_of))
    tree.prepare(wanted)
    tree.tests["plain"] = [weakened(test) for test in tree.tests["plain"]]
    trials = tree.trials("plain") + tree.trials("tsan")
    costs = tree.measure(trials, os.path.join(home, "costs.json"))
    trials = sorted((trial for trial in trials if costs[trial.name] is not None and
                     costs[trial.name] <= settings["seconds"]),
                    key=lambda trial: (phase_of(trial), costs[trial.name], trial.name))

    def run(trial, numbers):
        listed = ",".join(str(number) for number in numbers)
        return tree.run(trial, costs[trial.name], {"TPP_MUTANTS": listed})[0]

    def tell(number, trial, case):
        mutant = by_number[number]
        entry = dict(mutant.entry(), state="killed", by=trial.name, case=case)
        log.add(entry)
        results[mutant.id] = entry
        print("killed       %s %s:%d %s %s %s" % (
            mutant.id, mutant.file, mutant.line, mutant.new.strip(), trial.name, case), flush=True)

    # Each build's groups are its own: what conflicts in one way of looking may not in the other.
    dead = set()
    threads = [threading.Thread(target=Hunt(run, tell, dead).all, args=(
        by_number, [trial for trial in trials if trial.build == build])) for build in tree.builds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in sorted(set(by_number) - dead):
        mutant = by_number[number]
        results[mutant.id] = dict(mutant.entry(), state="survived")
        log.add(results[mutant.id])
    return [results[mutant.id] for mutant in todo]
