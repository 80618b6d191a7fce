// Everything a page needs besides charts: htmx for partial updates, Alpine (CSP build) for small local state, own elements.
import htmx from "htmx.org";
import Alpine from "@alpinejs/csp";
import "./stream.js";
import "./time_zone.js";

window.htmx = htmx;

// The sign-in form shows the user id only to those who open an inbox.
Alpine.data("signIn", (kind) => ({
  kind,
  get opensInbox() {
    return this.kind === "inbox";
  },
  get opensAdmin() {
    return this.kind === "admin";
  },
}));
window.Alpine = Alpine;
Alpine.start();
