// The Django admin has no place on <html> for the theme that is kept on the server; its own switch keeps another one.
document.documentElement.dataset.theme = document.currentScript.dataset.theme;
