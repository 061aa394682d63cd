"""``manage.py serve``: one small supervisor, which never loads Django, and the processes that it starts."""
