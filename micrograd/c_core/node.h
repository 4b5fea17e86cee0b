/* The node: what it keeps, and how it is made and freed. The definition is Node in node.py.

   The usual node, with at most two operands and with numbers only, is one piece of memory of 128 bytes (144 with the
   collector's part). Whatever is rarer is in `extra`: more operands, derivatives that are functions, a symbol as data. */

enum { MOST_OPERANDS = 3, MOST_EXPANDED = 3 }; /* of the rows in C */
enum { MANY = 3, OBJECT = 4 }; /* counts above two: in `extra->operands` and `extra->many`; in `extra->local` */
enum { REACHED = 1, UNREACHED = 2, GRAD_IS_OBJECT = 4 }; /* flags; without one there is no gradient */

typedef struct extra {
    PyObject *data;     /* data that is not a float, while `at` is NULL */
    PyObject *grad;     /* a gradient that is not a float */
    PyObject *local;    /* local derivatives that are not a tuple of floats */
    PyObject *operands; /* the tuple of all operands, where there are more than two */
    double *many;       /* local derivatives, where there are more than two */
    Py_ssize_t count;   /* how many those are */
    PyObject *call;     /* which call of a layer gave this, for drawings */
    PyObject *memory;   /* what owns the native memory that `at` points into */
} extra;

typedef struct node {
    PyObject_HEAD
    PyObject *dict, *weakrefs;
    PyObject *label, *operation;
    double *at; /* where the number is: in this node, or in native memory; NULL if it is not a float */
    double number, grad, local[2];
    struct node *operand[2];
    extra *extra;
    uint64_t mark; /* the last search that came here */
    uint8_t operands, locals, flags;
    uint32_t position; /* of the neuron that gave this, in its layer */
} node;

/* A row of the table as this module knows it. It runs in C while its rule is the one that C was generated from. */
typedef struct table_row {
    PyObject *entry, *rule;         /* the Op; its rule, a function */
    PyObject *code, *settings;      /* that function's code, and the defaults of its settings */
    PyObject *infix;                /* what does x + y in Python, for a row that is an operator */
    int expands[MOST_EXPANDED + 1]; /* the rows that the rule expands, -1 after the last */
    int is_built;                   /* whether the rule was found to be the one that C was generated from */
} row;

/* The objects of Python's that the core uses: bind(Value=Value, constant=CONSTANT, ...) tells it. */
#define FROM_PYTHON(X) \
    X(Value) X(init) X(unlabelled) X(unreached) X(made_by_hand) X(constant) X(detached) X(number_for) \
    X(recorded_number) X(power) X(bind_power) X(called)
#define DECLARED(name) PyObject *name;

/* Freed nodes are put on shelves, one for each page of memory: taken page by page, those of one graph lie together. In
   any order they would soon be all over memory, which made a step of training twice as slow. */
#ifdef __SANITIZE_ADDRESS__
enum { SHELVES = 4096, MOST_SPARES = 0 }; /* so that a freed node's memory is not touched again */
#else
enum { SHELVES = 4096, MOST_SPARES = 1 << 18 };
#endif
#define shelf_of(v) ((uintptr_t)(v) >> 12 & (SHELVES - 1))

/* The module's state. */
typedef struct core {
    PyTypeObject *Node, *Operation, *Call, *Prepared, *Results, *OneOf;
    PyObject *int_powers, *float_powers; /* the operation for each constant exponent */
    FROM_PYTHON(DECLARED)
    row rows[ROWS];
    node *spare[SHELVES]; /* freed nodes, each with the next as its first operand */
    long spares;          /* how many in all */
    long made;            /* how many were allocated, until they were given back */
    int shelf;            /* where nodes are taken from now */
    uint64_t searches;
    long modes;           /* how many modes are entered, in all threads */
    Py_tss_t thread_mode; /* what this thread is in */
} core;

/* What a thread is in: nothing; no_grad() alone; something that C leaves to Python. */
enum { PLAIN, NO_GRAD, PYTHON };

static int mode_of(core *c)
{
    return c->modes ? (int)(intptr_t)PyThread_tss_get(&c->thread_mode) : PLAIN;
}

static struct PyModuleDef core_module;

static core *core_of(PyTypeObject *type)
{
    PyObject *module = PyType_GetModuleByDef(type, &core_module);
    return module ? PyModule_GetState(module) : NULL;
}

#ifdef __GNUC__
#define prefetch(at) __builtin_prefetch(at, 1) /* a graph is larger than the cache: let memory be read ahead of use */
#else
#define prefetch(at)
#endif

#define is_node(c, x) PyObject_TypeCheck(x, (c)->Node)

static Py_ssize_t operand_count(const node *v)
{
    return v->operands == MANY ? PyTuple_GET_SIZE(v->extra->operands) : v->operands;
}

static node *operand_at(const node *v, Py_ssize_t i)
{
    return v->operands == MANY ? (node *)PyTuple_GET_ITEM(v->extra->operands, i) : v->operand[i];
}

static Py_ssize_t local_count(const node *v)
{
    return v->locals == MANY ? v->extra->count : v->locals;
}

static extra *extra_of(node *v)
{
    if (!v->extra && !(v->extra = PyMem_Calloc(1, sizeof(extra))))
        PyErr_NoMemory();
    return v->extra;
}

/* The memory of freed Values is used again: a training loop builds the next graph from that of the last, and gives the
   collector no reason to look through it, because it counts what is allocated. */
static node *take_spare(core *c)
{
    while (!c->spare[c->shelf])
        c->shelf = (c->shelf + 1) % SHELVES;
    node *v = c->spare[c->shelf];
    c->spare[c->shelf] = v->operand[0];
    c->spares--;
    if (v->operand[0]) { /* the next operation's node */
        prefetch(v->operand[0]);
        prefetch((char *)v->operand[0] + 64);
    }
    return v;
}

static node *from_spare(core *c)
{
    return (node *)PyObject_Init((PyObject *)take_spare(c), (PyTypeObject *)c->Value);
}

static void put_spare(core *c, node *v)
{
    if (!c->spare[c->shelf])
        c->shelf = shelf_of(v); /* so that a few spares are found at once */
    v->operand[0] = c->spare[shelf_of(v)];
    c->spare[shelf_of(v)] = v;
    c->spares++;
}

/* The more nodes there are, the more are allocated at once: the collector runs after each 700 objects, and as often as
   that it need not look through a graph that is being built. */
static node *allocate(core *c)
{
    long more = c->made / 16 < 4096 ? c->made / 16 : 4096;
    int was_on = PyGC_Disable();
    c->made += more + 1;
    for (node *v; more-- > 0 && MOST_SPARES; put_spare(c, v)) {
        if (!(v = PyObject_GC_New(node, (PyTypeObject *)c->Value))) {
            PyErr_Clear();
            break;
        }
        Py_DECREF(c->Value); /* a spare node is nobody's */
    }
    if (was_on)
        PyGC_Enable();
    return PyObject_GC_New(node, (PyTypeObject *)c->Value);
}

/* A node with a number and nothing else, not yet seen by the collector. */
static node *new_node(core *c, PyObject *operation, double number)
{
    node *v = c->spares ? from_spare(c) : allocate(c);
    if (!v)
        return NULL;
    v->dict = v->weakrefs = NULL;
    v->label = Py_NewRef(c->unlabelled);
    v->operation = Py_NewRef(operation);
    v->number = number;
    v->at = &v->number;
    v->grad = 0.0;
    v->extra = NULL;
    v->mark = v->position = 0;
    v->operands = v->locals = 0;
    v->flags = UNREACHED;
    return v;
}

static void drop_operands(node *v)
{
    node *first = v->operands == 1 || v->operands == 2 ? v->operand[0] : NULL;
    node *second = v->operands == 2 ? v->operand[1] : NULL;
    int was = v->operands;
    v->operands = 0; /* before the references go: freeing an operand may run code that looks at this node */
    if (was == MANY)
        Py_CLEAR(v->extra->operands);
    Py_XDECREF(second); /* in the order of a tuple's */
    Py_XDECREF(first);
}

static void drop_locals(node *v)
{
    int was = v->locals;
    v->locals = 0;
    if (was == MANY) {
        PyMem_Free(v->extra->many);
        v->extra->many = NULL;
    }
    else if (was == OBJECT)
        Py_CLEAR(v->extra->local);
}

/* The number comes home: native memory is let go. */
static void leave_memory(node *v)
{
    if (v->at && v->at != &v->number) {
        v->number = *v->at;
        v->at = &v->number;
        Py_CLEAR(v->extra->memory);
    }
}

static void node_dealloc(node *v);

/* Whether a node is a Value, and not of a subclass: see core_bind. */
#define is_value(v) (Py_TYPE(v)->tp_dealloc == (destructor)node_dealloc)

static int node_traverse(node *v, visitproc visit, void *arg)
{
    if (!is_value(v))
        Py_VISIT(Py_TYPE(v)); /* Value itself stays */
    if (v->label && !PyUnicode_CheckExact(v->label))
        Py_VISIT(v->label);
    Py_VISIT(v->dict);
    Py_VISIT(v->operation);
    for (int i = 0; i < v->operands && v->operands != MANY; i++)
        Py_VISIT(v->operand[i]);
    if (v->extra) {
        Py_VISIT(v->extra->data);
        Py_VISIT(v->extra->grad);
        Py_VISIT(v->extra->local);
        Py_VISIT(v->extra->operands);
        Py_VISIT(v->extra->call);
    } /* `memory` is not told: the collector would free it first, and the number is read when the node is cleared */
    return 0;
}

static int node_clear(node *v)
{
    drop_operands(v);
    Py_CLEAR(v->dict);
    Py_CLEAR(v->label);
    if (v->extra) {
        leave_memory(v);
        drop_locals(v);
        v->flags = 0;
        Py_CLEAR(v->extra->grad);
        Py_CLEAR(v->extra->data);
        Py_CLEAR(v->extra->call);
    }
    return 0;
}

static void node_dealloc(node *v)
{
    PyTypeObject *type = Py_TYPE(v);
    int can_be_used_again = is_value(v) && !type->tp_finalize;
    if (is_value(v) && type->tp_finalize && /* for a subclass, Python has done it */
        PyObject_CallFinalizerFromDealloc((PyObject *)v) < 0)
        return;
    PyObject_GC_UnTrack(v);
    Py_TRASHCAN_BEGIN(v, node_dealloc) /* a chain of a million nodes is freed without a million calls deep */
    if (v->weakrefs)
        PyObject_ClearWeakRefs((PyObject *)v);
    node_clear(v);
    Py_CLEAR(v->operation);
    PyMem_Free(v->extra);
    core *c = can_be_used_again ? core_of(type) : NULL;
    if (c && c->Value && c->spares < MOST_SPARES)
        put_spare(c, v);
    else
        type->tp_free(v);
    Py_DECREF(type);
    Py_TRASHCAN_END
}
