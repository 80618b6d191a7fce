"""Who is owed: ledger, clearing, payouts. Knows accounts and amounts, never orders."""
