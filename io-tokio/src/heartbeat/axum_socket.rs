//! The socket of axum as a stream of tungstenite's messages.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::extract::ws::{self, WebSocket};
use axum_tungstenite::Error as TheirError;
use axum_tungstenite::error::{CapacityError as TheirCapacity, ProtocolError as TheirProtocol};
use axum_tungstenite::protocol::frame::coding::Data as TheirData;
use futures_util::{Sink, Stream};
use tokio_tungstenite::tungstenite::error::{CapacityError, Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::Data;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

/// axum's [`WebSocket`] as [`Builder::build`](super::Builder::build) takes it.
///
/// axum carries a tungstenite of its own; messages and errors are turned into those of ours, so that faults of the peer
/// are closed with the same codes as elsewhere. Payloads are not copied; a text is checked again to be UTF-8.
///
/// Bytes are not seen under axum's upgrade: a message counts as its bytes once it is whole (see
/// [`Builder::meter`](super::Builder::meter)).
///
/// ```
/// use axum::Router;
/// use axum::extract::ws::{WebSocket, WebSocketUpgrade};
/// use axum::response::Response;
/// use axum::routing::get;
/// use futures_util::{SinkExt, StreamExt};
/// use wsbeat_core::dialect::Role;
/// use wsbeat_core::policy::{PolicyConfig, Profile};
/// use wsbeat_tokio::heartbeat::{AxumSocket, Builder};
///
/// async fn echo(upgrade: WebSocketUpgrade) -> Response {
///     upgrade.max_message_size(1 << 20).max_frame_size(1 << 20).on_upgrade(talk)
/// }
///
/// async fn talk(socket: WebSocket) {
///     let config = PolicyConfig { profile: Some(Profile::Strict), ..PolicyConfig::default() };
///     let Ok(mut connection) = Builder::new(Role::Server).policy(config).build(AxumSocket::new(socket)) else { return };
///     while let Some(Ok(message)) = connection.next().await {
///         if connection.send(message).await.is_err() {
///             return;
///         }
///     }
/// }
///
/// let app: Router = Router::new().route("/ws", get(echo));
/// ```
#[derive(Debug)]
pub struct AxumSocket(WebSocket);

impl AxumSocket {
    /// Over `socket`, whose upgrade has just been completed.
    #[must_use]
    pub fn new(socket: WebSocket) -> Self {
        AxumSocket(socket)
    }
}

impl Stream for AxumSocket {
    type Item = Result<Message, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = ready!(Pin::new(&mut self.0).poll_next(cx));
        Poll::Ready(item.map(|message| message.map_err(ours).and_then(read)))
    }
}

impl Sink<Message> for AxumSocket {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.0).poll_ready(cx).map_err(ours)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        Pin::new(&mut self.0).start_send(written(message)?).map_err(ours)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.0).poll_flush(cx).map_err(ours)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.0).poll_close(cx).map_err(ours)
    }
}

fn read(message: ws::Message) -> Result<Message, Error> {
    Ok(match message {
        ws::Message::Text(text) => Message::Text(text_of(text)?),
        ws::Message::Binary(bytes) => Message::Binary(bytes),
        ws::Message::Ping(payload) => Message::Ping(payload),
        ws::Message::Pong(payload) => Message::Pong(payload),
        ws::Message::Close(None) => Message::Close(None),
        ws::Message::Close(Some(frame)) => Message::Close(Some(CloseFrame { code: frame.code.into(), reason: text_of(frame.reason)? })),
    })
}

fn text_of(text: ws::Utf8Bytes) -> Result<Utf8Bytes, Error> {
    Utf8Bytes::try_from(bytes::Bytes::from(text)).map_err(|e| Error::Utf8(e.to_string()))
}

fn written(message: Message) -> Result<ws::Message, Error> {
    let text = |text: Utf8Bytes| ws::Utf8Bytes::try_from(bytes::Bytes::from(text)).map_err(|e| Error::Utf8(e.to_string()));
    Ok(match message {
        Message::Text(words) => ws::Message::Text(text(words)?),
        Message::Binary(bytes) => ws::Message::Binary(bytes),
        Message::Ping(payload) => ws::Message::Ping(payload),
        Message::Pong(payload) => ws::Message::Pong(payload),
        Message::Close(None) => ws::Message::Close(None),
        Message::Close(Some(frame)) => ws::Message::Close(Some(ws::CloseFrame { code: frame.code.into(), reason: text(frame.reason)? })),
        Message::Frame(_) => return Err(std::io::Error::other("axum takes messages, no raw frames").into()),
    })
}

/// The error of axum's tungstenite as the same one of ours; what has none is an I/O error with its text.
fn ours(error: axum::Error) -> Error {
    match error.into_inner().downcast::<TheirError>().map(|e| *e) {
        Ok(TheirError::ConnectionClosed) => Error::ConnectionClosed,
        Ok(TheirError::AlreadyClosed) => Error::AlreadyClosed,
        Ok(TheirError::Io(error)) => Error::Io(error),
        Ok(TheirError::Utf8(error)) => Error::Utf8(error),
        Ok(TheirError::Capacity(TheirCapacity::MessageTooLong { size, max_size })) => {
            Error::Capacity(CapacityError::MessageTooLong { size, max_size })
        }
        Ok(TheirError::Protocol(error)) => protocol(error),
        Ok(error) => std::io::Error::other(error).into(),
        Err(error) => std::io::Error::other(error).into(),
    }
}

/// Those that an open connection can have; the others belong to the handshake, which is axum's.
fn protocol(error: TheirProtocol) -> Error {
    Error::Protocol(match error {
        TheirProtocol::SendAfterClosing => ProtocolError::SendAfterClosing,
        TheirProtocol::ReceivedAfterClosing => ProtocolError::ReceivedAfterClosing,
        TheirProtocol::NonZeroReservedBits => ProtocolError::NonZeroReservedBits,
        TheirProtocol::UnmaskedFrameFromClient => ProtocolError::UnmaskedFrameFromClient,
        TheirProtocol::FragmentedControlFrame => ProtocolError::FragmentedControlFrame,
        TheirProtocol::ControlFrameTooBig => ProtocolError::ControlFrameTooBig,
        TheirProtocol::UnknownControlFrameType(kind) => ProtocolError::UnknownControlFrameType(kind),
        TheirProtocol::UnknownDataFrameType(kind) => ProtocolError::UnknownDataFrameType(kind),
        TheirProtocol::UnexpectedContinueFrame => ProtocolError::UnexpectedContinueFrame,
        TheirProtocol::ExpectedFragment(data) => ProtocolError::ExpectedFragment(match data {
            TheirData::Continue => Data::Continue,
            TheirData::Text => Data::Text,
            TheirData::Binary => Data::Binary,
            TheirData::Reserved(opcode) => Data::Reserved(opcode),
        }),
        TheirProtocol::ResetWithoutClosingHandshake => ProtocolError::ResetWithoutClosingHandshake,
        TheirProtocol::InvalidOpcode(opcode) => ProtocolError::InvalidOpcode(opcode),
        TheirProtocol::InvalidCloseSequence => ProtocolError::InvalidCloseSequence,
        error => return std::io::Error::other(error).into(),
    })
}
