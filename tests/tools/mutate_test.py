#!/usr/bin/env python3
"""mutate_test.py - what tools/mutate finds to change in a few lines of C; prints TAP.

usage: mutate_test.py TOOLS
"""
import sys
import tempfile

TEXT = """/* a + b */
static bool small(uint32_t a, struct list *list)
{
    uint32_t size[4] = {a};
    tpi_assert(a > 1 && "a > 1"); /* a < 1 */
    if (a < 3 && !list)
        return false;
    list->next = size[0] ? list : NULL;
    drop(list);
    return tpp_load_acquire(&list->word) &&
           tpp_cas_acq_rel(&list->word, &a, tpp_load_acquire(&list->other));
}
"""


def told(mutants):
    return sorted(("%d %s: %s" % (mutant.line, mutant.operator,
                                  " ".join(mutant.new.split()))).strip() for mutant in mutants)


def source(text):
    return Source("core/base/small.c", text)


def finds_what_can_be_changed():
    return told(source(TEXT).mutants(False)) == sorted([
        "6 condition: !(a < 3 && !list)", "6 condition:", "6 compare: <=", "6 compare: >=",
        "6 constant: 4", "6 constant: 2", "6 logic: ||", "7 constant: true",
        "8 statement:", "8 constant: 1", "8 branches: NULL : list", "9 statement:",
        "10 result: !(tpp_load_acquire(&list->word) && tpp_cas_acq_rel(&list->word, &a, "
        "tpp_load_acquire(&list->other)))", "10 logic: ||"])


def finds_each_order():
    return told(source(TEXT).mutants(True)) == [
        "10 order: tpp_load_relaxed", "11 order: tpp_cas_acquire", "11 order: tpp_cas_release",
        "11 order: tpp_load_relaxed"]


def names_stay_where_lines_move():
    moved = TEXT.replace("static bool", "\n\nstatic bool").replace("&& !list", "&&  !list")
    return ([mutant.id for mutant in source(TEXT).mutants(False)] ==
            [mutant.id for mutant in source(moved).mutants(False)])


def a_mutant_keeps_the_lines():
    return all(mutant.apply(TEXT).count("\n") == TEXT.count("\n")
               for mutant in source(TEXT).mutants(False))


def arguments_are_found_and_not_kept():
    mutants = source(TEXT).mutants(True)
    block = "core/base/small.c small\n- %s\nno reader"
    line = "           tpp_cas_acq_rel(&list->word, &a, tpp_load_acquire(&list->other));"
    with tempfile.NamedTemporaryFile("w+") as file:
        file.write(block % line)
        file.flush()
        argued = Argued(file.name, mutants, True)
        found = [bool(argued.reason(mutant)) for mutant in mutants]
        file.write("\n\n" + block % line.replace("other", "third"))
        file.flush()
        try:
            Argued(file.name, mutants, True)
        except SystemExit:
            return found == [False, True, True, True]
    return False


def switches_nest_and_keep_the_lines():
    mutants = source(TEXT).mutants(True)
    text = switched([source(TEXT)], {mutant.id: i + 1 for i, mutant in enumerate(mutants)})
    lines = text["core/base/small.c"].split("\n")[2:]
    return (len(lines) == len(TEXT.split("\n")) and
            "(tpp_mutants[1] ? tpp_load_relaxed(&list->word) : tpp_load_acquire(&list->word)) &&"
            in lines[9] and lines[10].count("tpp_mutants[4]") == 4)


def groups_are_halved():
    found = []
    hunt = Hunt(lambda trial, group: "case" if {3, 5} & set(group) or {1, 7} <= set(group) else "",
                lambda number, trial, case: found.append(number), set())
    hunt.all(range(1, 9), [Trial()])
    return sorted(found) == [3, 5]


class Trial:
    name = "# trial"


def main():
    tests = [finds_what_can_be_changed, finds_each_order, names_stay_where_lines_move,
             arguments_are_found_and_not_kept, a_mutant_keeps_the_lines,
             switches_nest_and_keep_the_lines, groups_are_halved]
    results = [test() for test in tests]
    for number, (test, result) in enumerate(zip(tests, results), 1):
        print("%s %d - mutate__%s" % ("ok" if result else "not ok", number, test.__name__))
    print("1..%d" % len(tests))
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1] + "/mutation")
    sys.dont_write_bytecode = True
    from argued import Argued
    from orders import Hunt, switched
    from source import Source
    sys.exit(main())
