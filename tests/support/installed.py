"""installed.py - puts what would be installed under a folder, as far as it has been built.

usage: installed.py BUILD_DIR FOLDER

Not `meson install`, which would look whether all is built, while others are building.
"""
import json
import os
import shutil
import sys

build, at = sys.argv[1:]
with open(build + "/meson-info/intro-installed.json", encoding="utf-8") as file:
    installed = json.load(file)
for source, place in installed.items():
    if not os.path.exists(source) or "tp" not in os.path.basename(place) and "/tp/" not in place:
        continue
    os.makedirs(os.path.dirname(at + place), exist_ok=True)
    shutil.copy(source, at + place, follow_symlinks=False)
for folder, _, names in os.walk(at):
    for name in names:
        if name.endswith(".so.0.1.0"):  # what meson links at the end
            for link in (name[:-4], name[:-6]):
                if not os.path.lexists(folder + "/" + link):
                    os.symlink(name, folder + "/" + link)
