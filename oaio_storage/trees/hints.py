"""The commands that errors of publishing name.

The library can't know what its user typed: the words in capitals stand for that, and the command line puts it
in their place, so that each command can be run as it is printed.
"""

PUBLISH = "oaio publish FOLDER NAME --to HOST"
REPAIR = f"{PUBLISH} --check"
MEND = "Bring back what is lost, from another host or a folder: oaio repair NAME --at HOST --from FOLDER"
PUBLISH_AS_A_WHOLE = f"Replace the tree as a whole, whatever it holds: {PUBLISH} --yes"
SEE_GENERATIONS = "See those that there are: oaio generations NAME --at HOST"
SEE_LIVE = "See what is live, then do it again: oaio generations NAME --at HOST"
SEE_FAULTS = "See what is wrong: oaio verify NAME --at HOST"
MAKE_ANEW = f"Make a new plan: {PUBLISH} --dry-run --save-plan plan.txt"
