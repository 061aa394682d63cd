"""How each kind of model file is known by the names in its header: tables of rules, one module a group of kinds."""
