#!/usr/bin/env python3
"""compare.py - whether two runs of the suite print the same, but for what is known of Wine.

usage: compare.py WINE-LINES OUR-LINES WINE-DEFECTS

Each line of WINE-DEFECTS is: what is observed | why | what Wine prints | what tp prints.
An entry that nothing differs by any more is an error, as is a difference without an entry.
"""
import sys


def lines_of(path):
    with open(path, encoding="utf-8") as file:
        return [line.rstrip("\n") for line in file if line.strip()]


def defects_of(path):
    known = {}
    for line in lines_of(path):
        if not line.startswith("#"):
            observed, _, wine, ours = [part.strip() for part in line.split(" | ")]
            known[(observed + ": " + wine, observed + ": " + ours)] = 0
    return known


def main():
    wine, ours = lines_of(sys.argv[1]), lines_of(sys.argv[2])
    known = defects_of(sys.argv[3])
    wrong = 0
    for pair in zip(wine, ours):
        if pair in known:
            known[pair] += 1
        elif pair[0] != pair[1]:
            print("Wine: %s\n  tp: %s" % pair)
            wrong += 1
    for (line, _), times in known.items():
        if times == 0:
            print("nothing differs any more by: " + line)
            wrong += 1
    if len(wine) != len(ours):
        print("%d lines under Wine, %d here" % (len(wine), len(ours)))
        wrong += 1
    if wrong:
        sys.exit(1)
    print("%d lines, %d of them known defects of Wine" % (len(ours), sum(known.values())))


if __name__ == "__main__":
    main()
