#!/usr/bin/env python3
"""tidy_test - plants violations of each rule and expects tools/tidy to find that rule alone.

usage: tidy_test.py TIDY
"""
import os
import subprocess
import sys
import tempfile

CLEAN = {
    "core/meson.build": "names = ['a.c']\n",
    "core/base/a.c": "/* a.c - says nothing. */\n#include \"core/base/a.h\"\n\nint a(void)\n{\n"
                     "    /* [AA1] release: as below. Pairs with b. */\n"
                     "    tpp_store_release(&word, 1);\n    return 1; /* [AA1] */\n}\n",
    "core/base/a.h": "/* a.h - says nothing either. */\nint a(void);\n",
    "capi/include/tp/a.h": "/* a.h - one function. */\n"
                           "/** Does it.\n *\n *  Returns: x\n *  Threads: x\n *  Blocks: x\n"
                           " *  Owns: x\n *  Since: 0.1 */\nTP_API int tp_a(void);\n",
}


def body(text):
    return CLEAN["core/base/a.c"].replace("    return 1;", "    " + text + "\n    return 1;")


PLANTED = [
    ("first_line", "core/base/a.h", CLEAN["core/base/a.h"].replace("a.h -", "b.h -")),
    ("first_line", "core/base/a.h", "int a(void);\n"),
    ("line_length", "core/base/a.h", CLEAN["core/base/a.h"] + "/* " + "x" * 95 + " */\n"),
    ("line_length", "core/base/a.h", CLEAN["core/base/a.h"] + "int b(void); \n"),
    ("file_length", "core/base/a.h", CLEAN["core/base/a.h"] + "\n" * 300),
    ("function_length", "core/base/a.c", body("a();\n" * 70)),
    ("platform", "core/base/a.c", body("void *p = malloc(1);")),
    ("platform", "core/base/a.c", body("pthread_mutex_lock(&m);")),
    ("platform", "core/base/a.c", body("static _Atomic int x;")),
    ("platform", "core/base/a.h", CLEAN["core/base/a.h"] + "#include <pthread.h>\n"),
    ("includes", "core/base/a.h", CLEAN["core/base/a.h"] + '#include "core/sched/pool.h"\n'),
    ("includes", "core/base/a.h", CLEAN["core/base/a.h"] + '#include "tp/work.h"\n'),
    ("includes", "core/base/a.h", CLEAN["core/base/a.h"] + '#include "capi/gate.h"\n'),
    ("includes", "core/base/a.h", CLEAN["core/base/a.h"] + '#include "b.h"\n'),
    ("includes", "capi/win32/a.h", '/* a.h - one thing. */\n#include "core/base/a.h"\n'),
    ("includes", "capi/win32/a.h", '/* a.h - one thing. */\n#include "capi/gate.h"\n'),
    ("tags", "core/base/a.h", CLEAN["core/base/a.h"] + "/* [BB7] alone. */\n"),
    ("ordered_accesses_are_tagged", "core/base/a.c", CLEAN["core/base/a.c"].replace(
        "}\n", "}\n" + "\n" * 13 + "int b(void)\n{\n    return tpp_load_acquire(&word);\n}\n")),
    ("nothing_postponed", "core/base/a.h", CLEAN["core/base/a.h"] + "/* TO" + "DO: later */\n"),
    ("public_docs", "capi/include/tp/a.h", CLEAN["capi/include/tp/a.h"].replace("Owns:", "Own:")),
    ("public_docs", "capi/include/tp/a.h",
     CLEAN["capi/include/tp/a.h"] + "TP_API int tp_b(void);\n"),
    ("no_choice_inside_functions", "core/base/a.c", body("a();\n#ifdef X\n    a();\n#endif")),
    ("every_file_is_built", "core/base/b.c", "/* b.c - named nowhere. */\n"),
]


def rules_broken(tidy, tree):
    with tempfile.TemporaryDirectory() as root:
        for path, text in tree.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
        run = subprocess.run([tidy, root], stdout=subprocess.PIPE, text=True, check=False)
    broken = [line.split("tidy__")[1] for line in run.stdout.split("\n")
              if line.startswith("not ok")]
    return broken, run.returncode


def main():
    cases = [("clean_tree_passes", CLEAN, [])]
    for rule, path, text in PLANTED:
        cases.append((rule + "_is_found", dict(CLEAN, **{path: text}), [rule]))
    failed = 0
    for number, (name, tree, expected) in enumerate(cases, 1):
        broken, status = rules_broken(sys.argv[1], tree)
        good = broken == expected and status == (1 if expected else 0)
        failed += not good
        if not good:
            print("# expected %s, found %s, exit status %d" % (expected, broken, status))
        print("%s %d - tidy__%s" % ("ok" if good else "not ok", number, name))
    print("1..%d" % len(cases))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
