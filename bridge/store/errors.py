"""What the store refuses, in words for whoever has to act: codes and extensions, and nothing more."""

from __future__ import annotations

from pathlib import Path


class DatabaseUnusable(Exception):
    """The database file cannot be used as it is; the message says what to do."""

    def __init__(self, path: Path, trouble: str, remedy: str) -> None:
        super().__init__(f"{path}: {trouble}. {remedy}.")
        self.path = path
        self.trouble = trouble
        self.remedy = remedy


class StoreRefused(ValueError):
    """A request that contradicts what is stored."""


class ExtensionTaken(StoreRefused):
    def __init__(self, extension: str) -> None:
        super().__init__(f"extension {extension} already belongs to a manager")


class InvalidManager(StoreRefused):
    """A manager's name, extension or role is not one."""


class UnknownManager(StoreRefused):
    def __init__(self, extension: str) -> None:
        super().__init__(f"no manager has extension {extension}")


class ManagerDisabled(StoreRefused):
    def __init__(self, extension: str) -> None:
        super().__init__(f"the manager with extension {extension} is disabled")


class OwnersOnly(StoreRefused):
    def __init__(self) -> None:
        super().__init__("only an owner acts on an owner")


class LastOwner(StoreRefused):
    def __init__(self) -> None:
        super().__init__("the last owner who is enabled stays so")


class NobodyToTakeOver(StoreRefused):
    def __init__(self) -> None:
        super().__init__("nobody else is there to take the customers over")


class UnknownOrder(StoreRefused):
    def __init__(self, code: str) -> None:
        super().__init__(f"there is no order {code}")


class UnknownCustomer(StoreRefused):
    def __init__(self, customer_id: int) -> None:
        super().__init__(f"there is no customer {customer_id}")


class CustomerErased(StoreRefused):
    def __init__(self, customer_id: int) -> None:
        super().__init__(f"customer {customer_id} is erased already")


class UnknownCall(StoreRefused):
    def __init__(self) -> None:
        super().__init__("there is no such call of this order")


class UnknownOutcome(StoreRefused):
    def __init__(self, outcome_id: int) -> None:
        super().__init__(f"there is no outcome {outcome_id} to be undone")


class TooLateToUndo(StoreRefused):
    def __init__(self, outcome_id: int) -> None:
        super().__init__(f"outcome {outcome_id} can't be undone any more")


class UnknownNote(StoreRefused):
    def __init__(self, note_id: int) -> None:
        super().__init__(f"there is no note {note_id} of this order and manager")


class TokenNameTaken(StoreRefused):
    def __init__(self, name: str) -> None:
        super().__init__(f"there is a token named {name} already: revoke it, or choose another name")


class UnknownToken(StoreRefused):
    def __init__(self, name: str) -> None:
        super().__init__(f"no token that is in use is named {name}")


class UnknownWebhook(StoreRefused):
    def __init__(self, webhook_id: int) -> None:
        super().__init__(f"there is no webhook {webhook_id}")


class TooManyWebhooks(StoreRefused):
    def __init__(self, most: int) -> None:
        super().__init__(f"there are {most} webhooks, and that is the most: remove one of them")


class WebhookDisabled(StoreRefused):
    def __init__(self, webhook_id: int) -> None:
        super().__init__(f"webhook {webhook_id} is disabled: enable it")


class TextNotGivenUp(StoreRefused):
    def __init__(self, text_id: int) -> None:
        super().__init__(f"there is no text message {text_id} that was given up")


class ShopNameTaken(StoreRefused):
    def __init__(self, name: str) -> None:
        super().__init__(f"there is a shop named {name} already: remove it, or choose another name")


class UnknownShop(StoreRefused):
    def __init__(self, name: str) -> None:
        super().__init__(f"there is no shop named {name}")


class ShopNotPulled(StoreRefused):
    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is not asked for its orders: `call-bridge shops pull-from` lets it be")
