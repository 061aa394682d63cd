// Starts the script, once the page is there. Pages work without it; with it they stay true without a reload.
// The modules beside this one each do what their name says; they import one way, and docs/ui.md lists them.

import { watchActions } from "./actions.js";
import { rememberPlaces } from "./back.js";
import { watchCopyButtons } from "./clipboard.js";
import { watchDialogs } from "./dialogs.js";
import { watchDrops } from "./drop.js";
import { keepFocus } from "./focus.js";
import { watchKeys } from "./keys.js";
import { startLive } from "./live.js";
import { watchMenus } from "./menus.js";
import { watchLeaving } from "./page.js";
import { watchQueue } from "./queue.js";
import { startRefreshing } from "./refresh.js";
import { watchSelection } from "./selection.js";
import { keepTimesTrue } from "./sizes.js";
import { watchToasts } from "./toasts.js";

watchLeaving();
keepFocus();
rememberPlaces();
startRefreshing();
watchActions();
watchDialogs();
watchMenus();
watchKeys();
watchSelection();
watchQueue();
watchDrops();
watchCopyButtons();
watchToasts();
keepTimesTrue();
startLive();
