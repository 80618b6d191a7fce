// Tells the server the reader's time zone, so that the times it renders are his from the next page on.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && /^[A-Za-z0-9_+\-/]{1,64}$/.test(zone)) {
  document.cookie = `quanwang_time_zone=${encodeURIComponent(zone)}; path=/; max-age=31536000; samesite=lax`;
}
