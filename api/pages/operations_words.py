"""The words of the operations pages: kinds of work, kill switches, decisions."""

from api.pages.words import Word, mark

WORK_KINDS = {
    "dispatch": Word(mark("Matching and sending waves")),
    "delivery": Word(mark("Writing waves into inboxes")),
    "dispatch_label": Word(mark("Updating what inboxes show")),
    "profile_text": Word(mark("Reading the texts of profiles")),
    "eligibility": Word(mark("Sampling fairness")),
    "notify_wave": Word(mark("Preparing notifications of a wave")),
    "notify_user": Word(mark("Preparing notifications of a user")),
    "notify_log": Word(mark("Notifications into the log file")),
    "notify_smtp": Word(mark("Notifications by mail")),
    "webhook_event": Word(mark("Handing events to webhooks")),
    "webhook": Word(mark("Sending webhooks")),
}

SUBJECTS = {
    "dispatch": Word(mark("Dispatch")),
    "dispatch_label": Word(mark("Dispatch")),
    "eligibility": Word(mark("Dispatch")),
    "delivery": Word(mark("Wave record")),
    "notify_wave": Word(mark("Wave record")),
    "profile_text": Word(mark("User")),
}
"""What a kind of work is about; of the others the number alone is shown."""

ABOUT_DISPATCHES = frozenset({"dispatch", "dispatch_label", "eligibility"})
"""Kinds whose subject is a dispatch, which has a page."""

SWITCHES = {
    "dispatch": Word(mark("Matching and waves")),
    "deliveries": Word(mark("Deliveries into inboxes")),
    "payouts": Word(mark("Payouts")),
}

CONSEQUENCES = {
    "dispatch": Word(mark("No wave is computed. Orders are still taken; nothing is lost, all goes on when resumed.")),
    "deliveries": Word(mark("No wave is written into inboxes. Waves are still computed and come in when resumed.")),
    "payouts": Word(mark("No money leaves.")),
}
"""What is the case while a switch is paused."""

DECISIONS = {
    "retry": Word(mark("Tried again"), "tag tag-good"),
    "dismiss": Word(mark("Given up"), "tag tag-bad"),
}
