"""`python -m sessions.randomization settings.json --out list.json`: see `offline`."""

import sys

from sessions.randomization.offline import main

if __name__ == "__main__":
    sys.exit(main())
