//! What a run is asked to do.

/// Which models a run is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// Every model of the project.
    All,
    /// The models of one schema.
    Layer(String),
    /// dbt selectors (`gold.daily_sales`, `+gold.top_products`, `tag:daily` …); their union.
    Selectors(Vec<String>),
    /// No model at all: ingest only.
    Nothing,
}

/// One request to run; how it is carried out is [`super::Runner`]'s.
#[derive(Debug, Clone)]
pub struct RunRequest {
    /// What the release and the run log call it: `refresh gold`, `build` …
    pub operation: String,
    pub selection: Selection,
    /// Selectors of models to leave out, though something selected reads them.
    pub exclude: Vec<String>,
    /// Bring the models that the selection reads up to date first.
    pub upstream: bool,
    /// Run the selected models, changed or not; those brought along as upstream only if they changed.
    pub full_refresh: bool,
    /// Ingest these sources before planning (all, where the list is empty); `None`: none.
    pub ingest: Option<Vec<String>>,
    /// Audit with the project's tests before publishing.
    pub tests: bool,
    /// Who asked, for the run log.
    pub user: String,
}

impl RunRequest {
    /// A refresh as `CALL refresh_…()` does it: upstream first, audited, no ingest.
    pub fn refresh(operation: impl Into<String>, selection: Selection) -> Self {
        Self {
            operation: operation.into(),
            selection,
            exclude: Vec::new(),
            upstream: true,
            full_refresh: false,
            ingest: None,
            tests: true,
            user: "lakewire".into(),
        }
    }

    /// Ingest all sources first.
    pub fn with_ingest(self) -> Self {
        self.with_sources(Vec::new())
    }

    /// Ingest the named sources first; all, where there are none.
    pub fn with_sources(mut self, sources: Vec<String>) -> Self {
        self.ingest = Some(sources);
        self
    }

    pub fn with_full_refresh(mut self, full_refresh: bool) -> Self {
        self.full_refresh = full_refresh;
        self
    }

    pub fn by(mut self, user: impl Into<String>) -> Self {
        self.user = user.into();
        self
    }
}

impl Selection {
    /// The selection as a user would write it, for the run log.
    pub fn text(&self) -> String {
        match self {
            Self::All => "*".into(),
            Self::Layer(schema) => format!("{schema}.*"),
            Self::Selectors(selectors) => selectors.join(" "),
            Self::Nothing => String::new(),
        }
    }
}
