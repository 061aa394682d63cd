"""Pages that list something: a form of filters, tabs with counts, orders, and one page of what was found."""
