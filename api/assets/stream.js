// <quanwang-stream src="..." listens="entry"> keeps one event stream open, shows whether it is, and asks for a refresh
// (a "quanwang:changed" event on itself, which htmx listens to) whenever something arrived or may have been missed.
const STATES = ["connecting", "live", "waiting"];
const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 15000;

class QuanwangStream extends HTMLElement {
  #source = null;
  #retry = null;
  #retryMs = FIRST_RETRY_MS;
  #refresh = null;
  #wasOpen = false;
  #onOnline = () => this.#connect();
  #onShow = () => {
    if (document.visibilityState === "visible" && this.#source === null) this.#connect();
  };

  connectedCallback() {
    addEventListener("online", this.#onOnline);
    document.addEventListener("visibilitychange", this.#onShow);
    this.#connect();
  }

  disconnectedCallback() {
    removeEventListener("online", this.#onOnline);
    document.removeEventListener("visibilitychange", this.#onShow);
    this.#close();
  }

  #connect() {
    this.#close();
    this.#show("connecting");
    const source = new EventSource(this.getAttribute("src"));
    this.#source = source;
    source.onopen = () => {
      this.#retryMs = FIRST_RETRY_MS;
      this.#show("live");
      // What came while the line was down was not seen: read the list again.
      if (this.#wasOpen) this.#changed();
      this.#wasOpen = true;
    };
    for (const name of (this.getAttribute("listens") ?? "message").split(" ")) {
      source.addEventListener(name, () => this.#changed());
    }
    source.onerror = () => {
      // The browser gives up for good after some errors (a 503, for example); so the retry is ours.
      this.#close();
      this.#show("waiting");
      this.#retry = setTimeout(() => this.#connect(), this.#retryMs * (0.8 + 0.4 * Math.random()));
      this.#retryMs = Math.min(this.#retryMs * 2, LONGEST_RETRY_MS);
    };
  }

  #close() {
    clearTimeout(this.#retry);
    this.#source?.close();
    this.#source = null;
  }

  // Several arrivals within a moment are one refresh.
  #changed() {
    if (this.#refresh !== null) return;
    this.#refresh = setTimeout(() => {
      this.#refresh = null;
      this.dispatchEvent(new CustomEvent("quanwang:changed", { bubbles: true }));
    }, 120);
  }

  #show(state) {
    this.dataset.state = state;
    for (const name of STATES) {
      const label = this.querySelector(`[data-shows="${name}"]`);
      if (label) label.hidden = name !== state;
    }
  }
}

customElements.define("quanwang-stream", QuanwangStream);
