#!/usr/bin/env python
import os
import sys

if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        from comfydash.serve.supervisor import main  # stays small: it never loads Django

        sys.exit(main(sys.argv[2:]))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "comfydash.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
