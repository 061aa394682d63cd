"""The form of filters over a listing, and the fields that such forms are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, ClassVar, Self

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict

MOST_LETTERS = 200  # of one filter


class FilterForm(forms.Form):
    """What a person asked for, as it stands in the address. What a field does not take counts as not given.

    Hidden fields are chosen elsewhere on the page (a tab) and only kept by the form.
    """

    id_prefix = ""  # of the controls, where a page has other fields by these names
    same_items: ClassVar[frozenset[str]] = frozenset({"sort", "view"})  # shown otherwise, not chosen otherwise

    @classmethod
    def of(cls, query: QueryDict) -> Self:
        asked = {name: query.get(name, "").strip()[:MOST_LETTERS] for name in cls.base_fields}
        form = cls(asked, auto_id=f"{cls.id_prefix}%s")
        if form.errors:
            form = cls({name: asked[name] for name in asked if name not in form.errors}, auto_id=form.auto_id)
            form.full_clean()
        return form

    @property
    def id(self) -> str:
        """Of the form on the page."""
        return f"{self.id_prefix}filters"

    @property
    def chosen(self) -> dict[str, Any]:
        return self.cleaned_data

    @property
    def narrows(self) -> bool:
        """Whether anything but the tab, the order and the view is chosen."""
        return any(value for name, value in self.chosen.items() if name not in self.kept)

    @property
    def kept(self) -> dict[str, Any]:
        """The tab, the order and the view, which choose how the same things are looked at."""
        names = self.same_items.union(field.name for field in self.hidden_fields())
        return {name: value for name, value in self.chosen.items() if name in names}

    @property
    def search_field(self) -> forms.BoundField | None:
        return self["q"] if "q" in self.fields else None

    @property
    def others(self) -> list[forms.BoundField]:
        """The visible fields beside the search."""
        return [field for field in self.visible_fields() if field.name != "q"]

    def offer(self, name: str, values: Mapping[str, str] | Iterable[str]) -> None:
        """Add what there is to choose from in a select, by its value in the address."""
        choices = values.items() if isinstance(values, Mapping) else [(value, value) for value in values]
        widget = self.fields[name].widget
        widget.choices = [*widget.choices, *choices]


def search(placeholder: str) -> forms.CharField:
    widget = forms.SearchInput({"placeholder": placeholder, "autocomplete": "off", "data-search": True})
    return forms.CharField(label="Search", required=False, widget=widget)


def hidden() -> forms.CharField:
    return forms.CharField(required=False, widget=forms.HiddenInput)


def select(label: str, choices: Mapping[str, str]) -> forms.CharField:
    """Whatever the address says is looked for: a value that is not offered (any more) finds nothing."""
    return forms.CharField(label=label, required=False, widget=forms.Select(choices=list(choices.items())))


def one_of(label: str, choices: Mapping[str, str], widget: forms.Widget | None = None) -> forms.ChoiceField:
    """What is not offered counts as not given."""
    return forms.ChoiceField(
        label=label, required=False, choices=list(choices.items()), widget=widget or forms.Select()
    )


def box(label: str) -> forms.BooleanField:
    return forms.BooleanField(label=label, required=False, widget=forms.CheckboxInput({"value": "1"}))


class DayField(forms.DateField):
    """A day that has one after it."""

    widget = forms.DateInput({"type": "date"}, format="%Y-%m-%d")

    def __init__(self, label: str) -> None:
        super().__init__(label=label, required=False, input_formats=["%Y-%m-%d"])

    def validate(self, value: Any) -> None:
        super().validate(value)
        if value and not date.min < value < date.max:
            raise ValidationError("This is no day that can be asked for.")
