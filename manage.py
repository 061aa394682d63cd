#!/usr/bin/env python
import sys

if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        from comfydash.serve.supervisor import main  # stays small: it never loads Django

        sys.exit(main(sys.argv[2:]))
    try:
        from comfydash.command_line import main as run

        status = run(sys.argv)
    except KeyboardInterrupt:  # while modules load
        status = 130
    sys.exit(status)
