"""The analyses from a terminal: `python -m studyportal.reports.analysis fit data.csv "change ~ treatment + (1|id)"`."""

import sys

from studyportal.reports.analysis.command_line import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
